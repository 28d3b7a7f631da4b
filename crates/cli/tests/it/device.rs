//! `--device`: what can be had here, and the sentence for what cannot.

#[cfg(feature = "cuda")]
mod gpus;

use tempfile::TempDir;

use crate::harness::{OptMl, Told, brazier, run, trained, write_folders};

/// A rehearsal in a container's tree on that device.
fn rehearse(tree: &OptMl, device: &str) -> Told {
    let prefix = tree.0.path().as_os_str();
    let flags = ["train", "--rehearse", "--device", device, "--prefix"];
    run(flags.iter().map(AsRef::as_ref).chain([prefix]))
}

#[test]
fn the_processor_can_be_named() {
    for device in ["cpu", "CPU", "auto"] {
        let tree = OptMl::with_records();
        let told = rehearse(&tree, device);
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        assert!(!told.out.contains("CPU."), "{}", told.out);
    }
}

#[test]
fn a_word_that_is_no_device_is_a_wrong_command_line() {
    for device in ["gpu", "cuda:x", "cuda:"] {
        let told = rehearse(&OptMl::with_records(), device);
        assert_eq!(told.code, 64);
        assert!(told.err.contains(&format!("'{device}'")) && told.err.contains("cuda:0"), "{}", told.err);
    }
}

#[test]
fn the_engine_of_the_processor_can_be_named_and_is_refused_by_name() {
    let rehearse = |engine: &str| -> (Told, OptMl) {
        let tree = OptMl::with_records();
        let mut command = brazier();
        command.args(["train", "--rehearse", "--prefix"]).arg(tree.0.path()).env("BRAZIER_KERNELS", engine);
        (command.output().unwrap().into(), tree)
    };
    for engine in ["flex", "portable", ""] {
        let (told, _) = rehearse(engine);
        assert_eq!(told.code, 0, "{engine}: {}{}", told.out, told.err);
    }
    let (told, tree) = rehearse("mmx");
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().expect("a failure file");
    assert!(failure.starts_with("ClientError: BRAZIER_KERNELS is 'mmx', expected auto, flex"), "{failure}");
}

/// Tests run where there is no GPU, or where CUDA is not built in: either is told by name, in the failure file as well.
#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_built_in_is_refused_with_how_to_build_it() {
    let tree = OptMl::with_records();
    let told = rehearse(&tree, "cuda:1");
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().expect("a failure file");
    assert!(
        failure.starts_with("ClientError: --device cuda:1: this program is built without it"),
        "{failure}"
    );
    assert!(failure.contains("--features cuda"), "{failure}");
}

#[cfg(not(feature = "ndarray"))]
#[test]
fn ndarray_is_refused_where_it_is_not_built_in() {
    let told = rehearse(&OptMl::with_records(), "ndarray");
    assert_eq!(told.code, 2);
    assert!(told.err.contains("--features ndarray"), "{}", told.err);
}

#[test]
fn all_commands_that_compute_take_it() {
    let tree = trained();
    let model = tree.path("model");
    let folder = TempDir::new().unwrap();
    write_folders(folder.path(), 1);
    let image = folder.path().join("dark/0.png");
    let [model, image] = [&model, &image].map(|path| path.to_str().unwrap());
    let told = run(["predict", "--device", "cpu", "--model", model, image]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("0.png: "), "{}", told.out);
    let told = run(["predict", "--device", "tpu", "--model", model, image]);
    assert_eq!(told.code, 64);
    let told = run(["serve", "--device", "ndarray:1", "--model", model, "--port", "0"]);
    assert_eq!(told.code, 64);
    assert!(run(["train", "--help"]).out.contains("--device <DEVICE>"));
}
