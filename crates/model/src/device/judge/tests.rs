//! Machines as they are met, and the sentence that each of them gets.

use super::*;

const VOLTA: Version = Version(7, 0);
const HOPPER: Version = Version(9, 0);

/// A machine of these GPUs with all it takes.
fn machine(gpus: &[(&str, Version)]) -> Facts {
    let gpu = |&(name, capability): &(&str, Version)| Gpu { name: name.into(), capability, memory: 16 << 30 };
    Facts {
        driver: Ok(Driver { cuda: Version(12, 8), release: Some("570.86.15".into()) }),
        gpus: gpus.iter().map(gpu).collect(),
        visible: None,
        nvrtc: nvrtc(Version(12, 8), &[50, 70, 75, 80, 90, 100, 120]),
        nccl: Some("2.27.3".into()),
        headers: Headers::Found("/cuda/include".into()),
    }
}

fn nvrtc(version: Version, architectures: &[u32]) -> Option<Nvrtc> {
    Some(Nvrtc { version, architectures: architectures.into() })
}

fn v100() -> Facts {
    machine(&[("Tesla V100", VOLTA)])
}

/// The sentence that `change` brings about on a machine that was well.
fn sentence(change: impl FnOnce(&mut Facts)) -> String {
    let mut facts = v100();
    change(&mut facts);
    all(&facts).expect_err("an obstacle").to_string()
}

#[test]
fn a_machine_with_all_it_takes_is_told_in_a_line() {
    let facts = machine(&[("Tesla V100", VOLTA), ("Tesla V100", VOLTA), ("NVIDIA H100", HOPPER)]);
    let judged = all(&facts).unwrap();
    assert_eq!(judged, Judged { usable: vec![0, 1, 2], passed_over: vec![] });
    assert_eq!(
        facts.sentence(&judged.usable),
        "GPUs 0, 1: 2 x Tesla V100 (compute capability 7.0, 16.0 GiB); GPU 2: NVIDIA H100 (compute capability 9.0, \
         16.0 GiB); driver 570.86.15 (CUDA 12.8), NVRTC 12.8, NCCL 2.27.3"
    );
    assert_eq!(one(&facts, 2).unwrap().usable, [2]);
}

#[test]
fn without_a_driver_or_a_gpu() {
    let told = sentence(|facts| facts.driver = Err(DriverFault::Missing));
    assert!(told.starts_with("no GPU: libcuda.so is not here"), "{told}");
    let told = sentence(|facts| facts.driver = Err(DriverFault::Symbol("cuInit")));
    assert!(told.contains("has no cuInit"), "{told}");
    let told = sentence(|facts| facts.driver = Err(DriverFault::Refuses("cuInit", 803)));
    assert!(
        told.contains("cuInit answers error 803 (libcuda.so and the kernel's driver are of different"),
        "{told}"
    );
    let told = sentence(|facts| (facts.gpus, facts.visible) = (vec![], Some("-1".into())));
    assert_eq!(told, "no GPU: driver 570.86.15 (CUDA 12.8) shows none, CUDA_VISIBLE_DEVICES is '-1'");
}

#[test]
fn a_number_that_no_gpu_has() {
    let told = one(&v100(), 3).unwrap_err().to_string();
    assert_eq!(told, "there is no GPU 3: found 1, expected a number below that");
    let told = one(&machine(&[]), 0).unwrap_err().to_string();
    assert!(told.starts_with("no GPU: driver 570"), "{told}");
}

#[test]
fn gpus_before_volta_are_refused_with_what_to_use_instead() {
    for (name, capability) in [("Tesla K80", Version(3, 7)), ("Tesla P100", Version(6, 0))] {
        let told = all(&machine(&[(name, capability)])).unwrap_err().to_string();
        for words in [name, &capability.to_string(), "7.0 or more", "ml.p3", "--device cpu"] {
            assert!(told.contains(words), "no {words} in: {told}");
        }
    }
}

#[test]
fn an_old_gpu_beside_a_new_one_is_left_out_but_not_for_who_asks_for_it() {
    let facts = machine(&[("Tesla K80", Version(3, 7)), ("NVIDIA H100", HOPPER)]);
    let judged = all(&facts).unwrap();
    assert_eq!(judged.usable, [1]);
    assert!(matches!(judged.passed_over[..], [Obstacle::OldGpu { number: 0, .. }]));
    assert!(matches!(one(&facts, 0), Err(Obstacle::OldGpu { number: 0, .. })));
}

#[test]
fn a_compiler_that_is_missing_old_or_newer_than_the_driver() {
    let told = sentence(|facts| facts.nvrtc = None);
    assert!(told.starts_with("libnvrtc.so is not here") && told.contains("LD_LIBRARY_PATH"), "{told}");
    let told = sentence(|facts| facts.nvrtc = nvrtc(Version(11, 8), &[37, 70]));
    assert!(told.starts_with("NVRTC is 11.8, expected 12"), "{told}");
    let told = sentence(|facts| {
        facts.driver = Ok(Driver { cuda: Version(12, 4), release: None });
    });
    assert_eq!(
        told,
        "NVRTC 12.8 is newer than driver of CUDA 12.4, which does not load what it compiles: expected NVRTC 12.4 or \
         earlier, or a driver of CUDA 12.8 or later"
    );
}

#[test]
fn a_gpu_that_the_compiler_does_not_know() {
    let told = sentence(|facts| {
        facts.driver = Ok(Driver { cuda: Version(13, 0), release: None });
        facts.nvrtc = nvrtc(Version(13, 0), &[75, 80, 90, 120]);
    });
    assert_eq!(
        told,
        "NVRTC 13.0 does not compile for GPU 0 (Tesla V100) of compute capability 7.0: it knows 7.5 to 12.0"
    );
    let mut facts = v100();
    // An NVRTC too old to tell what it knows is tried.
    facts.nvrtc = nvrtc(Version(12, 8), &[]);
    assert!(all(&facts).is_ok());
}

#[test]
fn headers_that_are_missing() {
    let told = sentence(|facts| facts.headers = Headers::Nowhere);
    assert!(told.contains("CUDA_PATH is not set"), "{told}");
    let told = sentence(|facts| facts.headers = Headers::Incomplete("/cuda/include".into(), "mma.h"));
    assert_eq!(
        told,
        "the CUDA headers are not whole: /cuda/include has no mma.h; CUDA_PATH names the folder above it"
    );
}
