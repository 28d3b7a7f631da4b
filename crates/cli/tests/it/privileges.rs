//! What is left of root's rights in `train` and `serve`, as the kernel tells it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

use crate::endpoint::Server;
use crate::harness::{OptMl, brazier, image, run, trained};

// Bits of linux/capability.h.
const DAC_OVERRIDE: u64 = 1 << 1;
const FOWNER: u64 = 1 << 3;
const SETPCAP: u64 = 1 << 8;
const NET_BIND_SERVICE: u64 = 1 << 10;
const IPC_LOCK: u64 = 1 << 14;

/// Every mask of a thread, and whether the programs that it starts can get more.
#[derive(Debug, PartialEq)]
struct Rights {
    effective: u64,
    permitted: u64,
    inheritable: u64,
    ambient: u64,
    bounding: u64,
    no_more: bool,
}

impl Rights {
    /// `folder` is a process's or a thread's in `/proc`.
    fn of(folder: &Path) -> Self {
        let status = fs::read_to_string(folder.join("status")).unwrap();
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect(name).trim();
        let mask = |name| u64::from_str_radix(value(name), 16).unwrap();
        Rights {
            effective: mask("CapEff:"),
            permitted: mask("CapPrm:"),
            inheritable: mask("CapInh:"),
            ambient: mask("CapAmb:"),
            bounding: mask("CapBnd:"),
            no_more: value("NoNewPrivs:") == "1",
        }
    }

    /// What is left of this test's own, which the program was started with.
    fn left(needed: u64) -> Self {
        let own = Rights::of(Path::new("/proc/thread-self"));
        let kept = own.bounding & needed;
        // Without this right the bounding set stays as it is, and the other sets still shrink.
        let bounding = if own.effective & SETPCAP == 0 { own.bounding } else { kept };
        Rights { effective: kept, permitted: kept, inheritable: 0, ambient: 0, bounding, no_more: true }
    }
}

/// What it needs in any case.
fn needed() -> u64 {
    DAC_OVERRIDE | FOWNER | if cfg!(feature = "cuda") { IPC_LOCK } else { 0 }
}

/// Whether this is root, who has something to give up; if not, that is said.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: only root has rights to give up");
    }
    root
}

#[test]
fn every_thread_of_a_server_keeps_only_what_it_needs() {
    if !is_root() {
        return;
    }
    let tree = trained();
    let server = Server::start(&tree.path("model"), &[]);
    assert_eq!(server.classify(&image(0, 1)).0, 200);
    let expected = Rights::left(needed());
    let threads = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let rights: Vec<Rights> = threads.map(|thread| Rights::of(&thread.unwrap().path())).collect();
    assert!(rights.len() > 1);
    assert!(rights.iter().all(|rights| *rights == expected), "{rights:x?}, expected {expected:x?}");
}

#[test]
fn a_low_port_can_still_be_listened_on() {
    if !is_root() || Rights::left(NET_BIND_SERVICE).effective == 0 {
        return;
    }
    // An address of its own: nothing else listens there.
    let mut process = brazier()
        .args(["serve", "--host", "127.8.0.1", "--port", "808", "--model", "nowhere"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let rights = Rights::of(Path::new(&format!("/proc/{}", process.id())));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(line.contains("listening on http://127.8.0.1:808"), "{line}");
    assert_eq!(rights, Rights::left(needed() | NET_BIND_SERVICE));
}

/// As in the SDK's local mode: the tree belongs to the host's user.
#[test]
fn a_job_gives_up_the_same_and_works_on_the_files_of_another_user() {
    if !is_root() {
        return;
    }
    let tree = OptMl::with_records();
    for folder in ["model", "output", "checkpoints"] {
        fs::create_dir(tree.path(folder)).unwrap();
    }
    give_away(tree.0.path());
    // Others may read what it writes, as SageMaker's artifacts, but must not write.
    fs::set_permissions(tree.path("model"), fs::Permissions::from_mode(0o755)).unwrap();
    // Such a folder lets only the owner of a file replace it.
    fs::set_permissions(tree.path("checkpoints"), fs::Permissions::from_mode(0o1777)).unwrap();

    let mut job =
        brazier().args(["train", "--prefix"]).arg(tree.0.path()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut told, mut said) = (String::new(), BufReader::new(job.stdout.take().unwrap()));
    said.read_line(&mut told).unwrap();
    let rights = Rights::of(Path::new(&format!("/proc/{}", job.id())));
    said.read_to_string(&mut told).unwrap();
    assert!(job.wait().unwrap().success(), "{told}");
    assert_eq!(rights, Rights::left(needed()));
    assert!(tree.model_files().contains(&"brazier.json".to_owned()), "{told}");

    // A second job, after all files have become another's: it replaces checkpoints and model.
    give_away(tree.0.path());
    fs::set_permissions(tree.path("checkpoints"), fs::Permissions::from_mode(0o1777)).unwrap();
    let told = run(["train".as_ref(), "--fresh".as_ref(), "--prefix".as_ref(), tree.0.path().as_os_str()]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
}

/// Hands all under `path` to another user, open to that one alone.
fn give_away(path: &Path) {
    const ANOTHER: u32 = 12345;
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
    chown(path, Some(ANOTHER), Some(ANOTHER)).unwrap();
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
