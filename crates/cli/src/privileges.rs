//! Root's rights, given up by `train` and `serve` before they read anything.
//!
//! A container's user is root because the platform's folders are open to root alone. Whoever gets into it, by a damaged
//! image say, shall have no more rights than the program needs. It keeps, of those that it was given:
//!
//! - `CAP_DAC_OVERRIDE`: channels, pipes and folders that belong to another user and are open to that user alone, as those
//!   that the SDK's local mode mounts from its user's home
//! - `CAP_FOWNER`: to replace another user's files in a folder with the sticky bit, as checkpoints in a shared one
//! - `CAP_NET_BIND_SERVICE`: to listen below port 1024, if such a port was asked for
//! - `CAP_IPC_LOCK`, in a build for GPUs: NCCL pins memory for RDMA, more than a container's `RLIMIT_MEMLOCK`
//!
//! `CAP_CHOWN` goes too: files that are written belong to whoever runs the program. What it starts (a `credential_process`)
//! gets no more than that, with or without the set-user-ID bit. A user who is not root has nothing to give up.
//!
//! Rights are each thread's own, and a new thread's are those of its parent: this comes before the first other thread.

use std::path::Path;
use std::process;

use rustix::process::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Gives up what is not needed to work, and to listen on `port` where there is one. What the system does not let
/// go of stays: a sandbox that forbids these calls is no reason not to work.
pub fn give_up(port: Option<u16>) {
    if !geteuid().is_root() || driver_may_sleep() {
        return;
    }
    let needed = needed(port);
    let _ = clear_ambient_capability_set();
    // Before CAP_SETPCAP goes, which this takes. The kernel knows 41 today and refuses the others.
    for capability in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
        if !needed.contains(capability) {
            let _ = remove_capability_from_bounding_set(capability);
        }
    }
    if let Ok(given) = capabilities(None) {
        let kept = given.permitted & needed;
        let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
        let _ = set_capabilities(None, sets);
    }
    let _ = set_no_new_privs(true);
}

fn needed(port: Option<u16>) -> CapabilitySet {
    let mut needed = CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
    needed.set(CapabilitySet::NET_BIND_SERVICE, port.is_some_and(|port| (1..1024).contains(&port)));
    needed.set(CapabilitySet::IPC_LOCK, cfg!(feature = "cuda"));
    needed
}

/// Whether NVIDIA's driver is there but has not been used since the machine's start: at its first use it starts a helper
/// that makes its device files, which takes all of root's rights. In a container they are there from the start or never.
fn driver_may_sleep() -> bool {
    cfg!(feature = "cuda")
        && process::id() != 1
        && Path::new("/proc/driver/nvidia").exists()
        && !Path::new("/dev/nvidia-uvm").exists()
}
