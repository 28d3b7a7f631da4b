//! A program with CUDA on machines as they are met, without a GPU: the driver and NVRTC are stand-ins, built here from
//! `scripts/cuda/standin`, which say what the environment tells them.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{OptMl, Told, brazier};

/// Stand-ins for some of NVIDIA's libraries, and a folder that CUDA is looked for in.
struct Machine(TempDir);

impl Machine {
    fn with(libraries: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let sources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/cuda/standin"));
        for (source, library) in libraries {
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-fPIC", "-o"]).arg(folder.path().join(library));
            assert!(compiler.arg(sources.join(source)).status().unwrap().success());
        }
        Machine(folder)
    }

    fn whole() -> Self {
        Machine::with(&[("driver.c", "libcuda.so"), ("nvrtc.c", "libnvrtc.so")])
    }

    /// A rehearsal on that device, with these settings of the stand-ins, and its failure file.
    fn rehearse(&self, device: &str, settings: &[(&str, &str)]) -> (Told, Option<String>) {
        let tree = OptMl::with_records();
        let mut command = brazier();
        command.args(["train", "--rehearse", "--device", device, "--prefix"]).arg(tree.0.path());
        command.env("LD_LIBRARY_PATH", self.0.path()).env("CUDA_PATH", self.0.path());
        command.env_remove("CUDA_VISIBLE_DEVICES").envs(settings.iter().copied());
        let told = command.output().unwrap().into();
        (told, tree.failure())
    }

    /// The failure of a job that asks for a GPU here.
    fn refusal(&self, device: &str, settings: &[(&str, &str)]) -> String {
        let (told, failure) = self.rehearse(device, settings);
        assert_eq!(told.code, 2, "{}{}", told.out, told.err);
        failure.expect("a failure file")
    }
}

#[test]
fn what_is_missing_is_named_and_auto_takes_the_processor() {
    let bare = Machine::with(&[]);
    let (told, failure) = bare.rehearse("cuda", &[]);
    match failure {
        Some(failure) if failure.contains("libcuda.so is not here") => {
            assert!(failure.starts_with("ClientError: --device cuda: no GPU: libcuda.so"), "{failure}");
            let (told, _) = bare.rehearse("auto", &[]);
            assert_eq!(told.code, 0, "{}{}", told.out, told.err);
            assert!(told.out.contains("gets it from its host. Computes on the CPU."), "{}", told.out);
        }
        _ => eprintln!("skipped: a machine without a driver, because this one has one ({})", told.code),
    }
    let driver = Machine::with(&[("driver.c", "libcuda.so")]);
    let failure = driver.refusal("cuda", &[]);
    assert!(failure.contains("libnvrtc.so is not here"), "{failure}");
    let failure = Machine::whole().refusal("cuda:0", &[]);
    assert!(
        failure.contains("the CUDA headers are not whole") && failure.contains("cuda_fp16.h"),
        "{failure}"
    );
}

/// What the stand-ins are told to be.
type Settings = &'static [(&'static str, &'static str)];

#[test]
fn what_is_too_old_or_too_new_is_named_with_what_to_do() {
    let machine = Machine::whole();
    let cases: [(Settings, &[&str]); 5] = [
        (&[("STANDIN_INIT", "100")], &["cuInit answers error 100", "CUDA_VISIBLE_DEVICES hides it"]),
        (&[("STANDIN_GPUS", "0")], &["no GPU: driver", "shows none"]),
        (
            &[("STANDIN_CAPABILITY", "37"), ("STANDIN_NAME", "Tesla K80")],
            &["GPU 0 (Tesla K80) has compute capability 3.7, expected 7.0 or more", "ml.p3"],
        ),
        (&[("STANDIN_NVRTC", "1108")], &["NVRTC is 11.8, expected 12"]),
        (&[("STANDIN_CUDA", "12020")], &["NVRTC 12.8 is newer than driver", "12.2"]),
    ];
    for (settings, words) in cases {
        let failure = machine.refusal("cuda", settings);
        for word in words {
            assert!(failure.contains(word), "{settings:?}: no {word} in {failure}");
        }
    }
    let failure = machine.refusal("cuda:2", &[("STANDIN_GPUS", "2")]);
    assert!(failure.contains("there is no GPU 2: found 2"), "{failure}");
}
