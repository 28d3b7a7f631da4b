//! Ranks with a GPU each: gradients go from GPU to GPU through NVIDIA's NCCL, everything else around the ring.
//!
//! The ring finds the ranks, compares them and knows who lives; rank 0 makes NCCL's id and the ring hands it on. NCCL itself waits
//! for a peer that is gone without end, so that whoever waits for NCCL listens to the ring meanwhile, and aborts the
//! communicator when the ring says that the group is broken (`owner`).
//!
//! Written against nccl.h and cudarc 0.19, compiled, and never yet run on GPUs: see `crates/model/CUDA.md`.

#![expect(unsafe_code, reason = "NCCL and the driver are C libraries")]

mod owner;

use std::env;
use std::ffi::c_char;
use std::path::Path;

use cudarc::nccl::{result, sys};

use crate::ring::{Ring, interfaces};
use crate::{Collective, CollectiveError, OnDevice, Traffic, Wire};
use owner::Owner;

/// One rank and its GPU.
pub struct Nccl {
    ring: Ring,
    owner: Owner,
    /// The error that broke the group, once there is one.
    broken: Option<CollectiveError>,
}

impl Nccl {
    /// Connects the GPUs of all ranks of `ring`; ours has the number `gpu`, and no other rank's.
    ///
    /// # Errors
    /// NCCL refuses; another rank is gone.
    pub fn join(mut ring: Ring, gpu: usize) -> Result<Self, CollectiveError> {
        let mut id = Vec::new();
        if ring.rank() == 0 {
            let made = result::get_uniqueid().map_err(|error| refused(&ring, format!("{error:?}")))?;
            id.extend(made.internal.iter().flat_map(|byte| byte.to_ne_bytes()));
        }
        ring.broadcast(0, &mut id)?;
        let internal: Vec<c_char> = id.iter().map(|&byte| c_char::from_ne_bytes([byte])).collect();
        let found = internal.len();
        let internal = internal
            .try_into()
            .map_err(|_| refused(&ring, format!("its id has {found} bytes, expected 128")))?;
        let id = sys::ncclUniqueId { internal };
        let place = owner::Place { rank: ring.rank(), world: ring.world(), gpu };
        let owner = Owner::start(place, id).map_err(|why| refused(&ring, why))?;
        let mut joined = Nccl { ring, owner, broken: None };
        joined.wait()?;
        Ok(joined)
    }

    /// Waits for what the owner was last asked. A group that breaks meanwhile ends it.
    fn wait(&mut self) -> Result<(), CollectiveError> {
        let answer = loop {
            if let Some(answer) = self.owner.answer() {
                break answer.map_err(|why| refused(&self.ring, why));
            }
            if let Some(error) = self.ring.verdict() {
                self.owner.abort();
                break Err(error);
            }
        };
        answer.inspect_err(|error| {
            self.ring.abort(&error.to_string());
            self.broken = Some(error.clone());
        })
    }
}

fn refused(ring: &Ring, why: String) -> CollectiveError {
    CollectiveError::Devices { rank: ring.rank(), why }
}

impl Collective for Nccl {
    fn rank(&self) -> usize {
        self.ring.rank()
    }

    fn world(&self) -> usize {
        self.ring.world()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32], wire: Wire) -> Result<(), CollectiveError> {
        self.ring.all_reduce_sum(values, wire)
    }

    fn reaches_devices(&self) -> bool {
        true
    }

    fn all_reduce_on_device(&mut self, values: OnDevice) -> Result<(), CollectiveError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.owner.all_reduce(values);
        self.wait()
    }

    fn broadcast(&mut self, root: usize, bytes: &mut Vec<u8>) -> Result<(), CollectiveError> {
        self.ring.broadcast(root, bytes)
    }

    fn all_gather(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, CollectiveError> {
        self.ring.all_gather(bytes)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.ring.barrier()
    }

    fn abort(&mut self, reason: &str) {
        self.owner.abort();
        self.ring.abort(reason);
    }

    fn spent(&self) -> Traffic {
        let Traffic { bytes_sent, time } = self.ring.spent();
        Traffic { bytes_sent, time: time + self.owner.spent() }
    }
}

/// Tells NCCL which network to use, unless the user has: the interface that the platform names, if there is one of that
/// name, and libfabric's EFA where the host has it. NCCL finds the plugin for EFA, `libnccl-net.so`, by itself. Answers what was set.
///
/// Sources: NCCL's "Environment Variables"; the variables that AWS's training toolkit sets for its launchers.
///
/// # Safety
/// No other thread may be running: others may read the environment meanwhile.
pub unsafe fn choose_network(interface: Option<&str>) -> Vec<String> {
    let interface = interface.filter(|name| interfaces().iter().any(|found| found == name));
    let efa = Path::new("/dev/infiniband/uverbs0").exists().then_some("efa");
    let wanted = [("NCCL_SOCKET_IFNAME", interface), ("FI_PROVIDER", efa)];
    let wanted = wanted.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let unset = wanted.filter(|(name, _)| env::var_os(name).is_none());
    let set = |(name, value): (&str, &str)| {
        // SAFETY: the caller says that no other thread runs.
        unsafe { env::set_var(name, value) };
        format!("{name}={value}")
    };
    unset.map(set).collect()
}
