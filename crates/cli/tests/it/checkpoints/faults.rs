//! Saves that are cut off at a chosen step, or that do not fit.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::{assert_same, checkpoints, job, uncut};
use crate::harness::{OptMl, Told};

/// Kills the job when one of its threads makes its `when`-th call of one of `calls`, by the system's own tracer: at each step of a save, also between the
/// rename and the sync of the folder. Whether it came so far.
fn killed_at(tree: &OptMl, calls: &str, when: usize) -> bool {
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:signal=SIGKILL:when={when}")])
        .arg(env!("CARGO_BIN_EXE_brazier"))
        .args(["train", "--prefix"])
        .arg(tree.0.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    // The tracer ends as the job did.
    status.signal() == Some(9)
}

#[test]
fn killed_at_each_step_of_a_save_the_weights_are_those_of_an_uncut_run() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed (apt-get install strace)");
        return;
    }
    let expected = uncut(&[]);
    let mut kills = 0;
    for (calls, moments) in
        [("fsync", &[3, 4, 9, 10, 11, 12, 14, 21][..]), ("rename,renameat,renameat2", &[2, 3, 5, 6])]
    {
        for &when in moments {
            let tree = job(&[]);
            kills += usize::from(killed_at(&tree, calls, when));
            let told = tree.train();
            assert_eq!(told.code, 0, "{calls} {when}: {}{}", told.out, told.err);
            assert_same(&tree, &expected, &format!("{calls} {when}\n{}", told.out));
            let unfinished = fs::read_dir(tree.path("checkpoints")).unwrap().filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".sagemaker-ignore")
            });
            assert_eq!(unfinished.count(), 0, "{calls} {when}");
        }
    }
    assert_eq!(kills, 12);
}

/// A limit on the size of files stands in for a full disk: weights fit, states do not.
#[test]
fn a_state_that_does_not_fit_is_told_and_costs_nothing_else() {
    let expected = uncut(&[]);
    let tree = job(&[]);
    let script = format!(
        "trap '' XFSZ; ulimit -f 1600; exec {} train --prefix {}",
        env!("CARGO_BIN_EXE_brazier"),
        tree.0.path().display()
    );
    let told: Told = Command::new("bash").args(["-c", &script]).output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("the state of the run is not saved: "), "{}", told.out);
    assert!(told.out.contains(".checkpoint: cannot write its content: "), "{}", told.out);
    assert_same(&tree, &expected, &told.out);
    assert_eq!(checkpoints(&tree).len(), 0);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_same(&tree, &expected, &told.out);
}
