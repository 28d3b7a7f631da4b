//! Ranks of several processes and hosts, over TCP.
//!
//! - [`Group`], [`Limits`]: what a rank must know to join, and how long to wait for what
//! - [`Ring`]: a rank, once all have joined; [`interfaces`]: what `Group::interface` may name
//! - `assemble`, `enter`, `connect`: the rendezvous at rank 0, at the others, and the data connections after it; `door`
//!   keeps strangers out, `address` knows names and interfaces
//! - `links`, `pass`, `reduce`: the data, from the left neighbour to the right one
//! - `control`, `state`, `judge`, `watch`: who lives, who is to blame; `message` and `channel`: how they talk
//!
//! Data goes around the ring; signs of life and errors go through rank 0, over connections of their own. A thread
//! of each rank keeps those alive whatever its operations do. A rank that ends is noticed by its closed connection,
//! one that hangs or is cut off by its silence. Who loses a data connection asks rank 0 for the cause before it blames
//! its neighbour: that one may have closed it because of somebody else's death.
//!
//! Costs, and what they mean for many hosts: the README of this crate.

mod address;
mod assemble;
mod channel;
mod connect;
mod control;
mod door;
mod enter;
mod group;
mod judge;
mod links;
mod message;
mod pass;
mod progress;
mod reduce;
mod state;
mod watch;

use std::fmt;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use address::interfaces;
pub use group::{Group, Limits};

use crate::error::check_root;
use crate::{Collective, CollectiveError, Operation, Traffic, Wire};
use channel::Channel;
use control::Control;
use door::Door;
use links::{Fault, Links};
use message::{Call, Cause};
use reduce::Buffers;

/// One rank of several processes. After a last barrier or all-gather, which nobody leaves before all have come, ranks
/// may be dropped in any order; one that is dropped anywhere else is gone for the others.
pub struct Ring {
    rank: usize,
    world: usize,
    /// `None` in a group of one, and once the group is broken.
    connected: Option<Connected>,
    buffers: Buffers,
    /// The error that broke the group, once there is one.
    broken: Option<CollectiveError>,
    /// Whether the last operation was one that all reached.
    in_order: bool,
    time: Duration,
}

struct Connected {
    control: Arc<Control>,
    watch: Option<JoinHandle<()>>,
    links: Option<Links>,
}

impl Ring {
    /// Finds the others and connects with them. Rank 0 listens at `group.master`, the others call it again and again.
    ///
    /// # Errors
    /// Ranks are missing when the limit passes, or differ in what must be equal; nothing listens or answers.
    pub fn join(group: &Group) -> Result<Self, CollectiveError> {
        Self::enter(group, None)
    }

    /// The same for a rank 0 that listens already: where the port of `group.master` was any that was free.
    ///
    /// # Errors
    /// As [`Ring::join`].
    pub fn join_at(group: &Group, door: TcpListener) -> Result<Self, CollectiveError> {
        Self::enter(group, Some(door))
    }

    fn enter(group: &Group, door: Option<TcpListener>) -> Result<Self, CollectiveError> {
        group.check()?;
        let (rank, world, time) = (group.rank, group.world, Duration::ZERO);
        let connected = if world == 1 { None } else { Some(Connected::join(group, door)?) };
        let buffers = Buffers::default();
        Ok(Self { rank, world, connected, buffers, broken: None, in_order: true, time })
    }

    /// Why the group is broken, if it is: also between operations.
    #[cfg(feature = "cuda")]
    pub(crate) fn verdict(&self) -> Option<CollectiveError> {
        let control = &self.connected.as_ref()?.control;
        control.verdict().map(|cause| control.error(cause, None))
    }

    /// Does `work` as our next operation.
    fn run<T>(
        &mut self,
        (operation, values): (Operation, usize),
        work: impl FnOnce(&mut Links, Call, &mut Buffers) -> Result<T, Fault>,
        alone: impl FnOnce() -> T,
    ) -> Result<T, CollectiveError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let Some(connected) = &mut self.connected else { return Ok(alone()) };
        let clock = Instant::now();
        let result = connected.run(operation, values, |links, call| work(links, call, &mut self.buffers));
        self.time += clock.elapsed();
        self.in_order = result.is_ok() && matches!(operation, Operation::Barrier | Operation::AllGather);
        result.inspect_err(|error| self.broken = Some(error.clone()))
    }
}

impl Connected {
    fn join(group: &Group, door: Option<TcpListener>) -> Result<Self, CollectiveError> {
        let from = group.interface.as_deref().map(address::of_interface).transpose()?;
        if group.rank == 0 {
            let (_, port) = address::split(&group.master)?;
            let listener = door.map_or_else(|| address::listen(from, port), Ok)?;
            let all = assemble::assemble(group, listener)?;
            let map = connect::Map { welcome: &all.welcome, master: connect::HERE, from };
            return Self::link(group, all.channels, &map, all.door);
        }
        let broken = |error| CollectiveError::Join(format!("the listener does not work: {error}"));
        let listener = address::listen(from, 0)?;
        let port = listener.local_addr().map_err(broken)?.port();
        let door = Door::new(listener).map_err(broken)?;
        let entered = enter::enter(group, port, from)?;
        let mut channels: Vec<Option<Channel>> = (0..group.world).map(|_| None).collect();
        channels[0] = Some(entered.channel);
        let map = connect::Map { welcome: &entered.welcome, master: entered.master, from };
        Self::link(group, channels, &map, door)
    }

    fn link(
        group: &Group,
        channels: Vec<Option<Channel>>,
        map: &connect::Map,
        mut door: Door,
    ) -> Result<Self, CollectiveError> {
        let broken = |error| CollectiveError::Join(format!("the watch cannot start: {error}"));
        let (wake, woken) = UnixStream::pair().map_err(broken)?;
        for end in [&wake, &woken] {
            end.set_nonblocking(true).map_err(broken)?;
        }
        let us = (group.rank, map.welcome.names.clone(), group.limits);
        let control = Arc::new(Control::new(us, channels, wake));
        let watched = Arc::clone(&control);
        let thread = thread::Builder::new().name("ring watch".to_owned());
        let watch = thread.spawn(move || watch::watch(&watched, &woken)).map_err(broken)?;
        let mut connected = Self { control, watch: Some(watch), links: None };
        match connect::join_ring(&connected.control, map, &mut door) {
            Ok(links) => connected.links = Some(links),
            Err(error) => {
                connected.leave(None);
                return Err(error);
            }
        }
        Ok(connected)
    }

    fn run<T>(
        &mut self,
        operation: Operation,
        values: usize,
        work: impl FnOnce(&mut Links, Call) -> Result<T, Fault>,
    ) -> Result<T, CollectiveError> {
        let control = Arc::clone(&self.control);
        let call = Call { sequence: control.progress.begin(), operation, values: values as u64 };
        let result = self.attempt(call, work);
        control.progress.end();
        result.map_err(|cause| control.error(cause, Some(call)))
    }

    fn attempt<T>(
        &mut self,
        call: Call,
        work: impl FnOnce(&mut Links, Call) -> Result<T, Fault>,
    ) -> Result<T, Cause> {
        let control = &self.control;
        let gone = control.lock().left_before(call.sequence);
        if let Some(rank) = gone {
            let why = format!("it left before the {}", call.operation);
            control.pronounce(Cause::Gone { rank, why });
        }
        if let Some(cause) = control.verdict() {
            return Err(cause);
        }
        let (rank, left) = (control.rank, (control.rank + control.world() - 1) % control.world());
        let Some(links) = &mut self.links else {
            return Err(Cause::Gone { rank, why: "it has left the group".to_owned() });
        };
        let cause = match work(links, call) {
            Ok(result) => return Ok(result),
            Err(Fault::Link { rank, why }) => return Err(control.suspect(rank, &why)),
            Err(Fault::Differs(theirs)) => Cause::Disagree { first: (left, theirs), second: (rank, call) },
            Err(Fault::Garbled) => {
                Cause::Gone { rank: left, why: "what it sends is no operation".to_owned() }
            }
            Err(Fault::Memory(bytes)) => {
                Cause::Aborted { rank, reason: format!("no room for {bytes} bytes of others") }
            }
        };
        control.pronounce(cause.clone());
        Err(control.verdict().unwrap_or(cause))
    }

    /// Ends the connections; the others hear why, or that all is in order after so many operations.
    fn leave(&mut self, in_order_after: Option<u64>) {
        self.control.leave(in_order_after);
        self.links = None;
        if let Some(watch) = self.watch.take() {
            // It has no result, and a panic of it has been printed.
            let _ = watch.join();
        }
    }
}

impl Collective for Ring {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn all_reduce_sum(&mut self, values: &mut [f32], wire: Wire) -> Result<(), CollectiveError> {
        let operation = (Operation::AllReduce { wire }, values.len());
        let work = |links: &mut Links, call, buffers: &mut Buffers| {
            reduce::all_reduce(links, call, (values, wire), buffers)
        };
        self.run(operation, work, || ())
    }

    fn broadcast(&mut self, root: usize, bytes: &mut Vec<u8>) -> Result<(), CollectiveError> {
        if let Err(error) = check_root(root, self.world) {
            self.abort(&error.to_string());
            self.broken = Some(error.clone());
            return Err(error);
        }
        let work = |links: &mut Links, call, _: &mut Buffers| {
            pass::Greeting::new(call).complete(links)?;
            pass::broadcast(links, root, bytes)
        };
        self.run((Operation::Broadcast { root }, 0), work, || ())
    }

    fn all_gather(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, CollectiveError> {
        if self.world == 1 {
            return Ok(vec![bytes]);
        }
        let work = |links: &mut Links, call, _: &mut Buffers| {
            pass::Greeting::new(call).complete(links)?;
            pass::all_gather(links, bytes)
        };
        self.run((Operation::AllGather, 0), work, Vec::new)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        let work = |links: &mut Links, call, _: &mut Buffers| {
            pass::Greeting::new(call).complete(links)?;
            pass::barrier(links)
        };
        self.run((Operation::Barrier, 0), work, || ())
    }

    fn abort(&mut self, reason: &str) {
        if self.broken.is_some() {
            return;
        }
        let cause = Cause::Aborted { rank: self.rank, reason: reason.to_owned() };
        let error = match &self.connected {
            None => CollectiveError::Aborted { rank: 0, name: String::new(), reason: reason.to_owned() },
            Some(Connected { control, .. }) => {
                control.pronounce(cause.clone());
                control.error(control.verdict().unwrap_or(cause), None)
            }
        };
        self.broken = Some(error);
    }

    fn spent(&self) -> Traffic {
        let links = self.connected.as_ref().and_then(|connected| connected.links.as_ref());
        Traffic { bytes_sent: links.map_or(0, Links::sent), time: self.time }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let Some(connected) = &mut self.connected else { return };
        let in_order = self.in_order && self.broken.is_none() && !thread::panicking();
        if !in_order {
            let why = match thread::panicking() {
                true => "it stopped with a panic",
                false => "it left in the middle of the run",
            };
            connected.control.pronounce(Cause::Gone { rank: self.rank, why: why.to_owned() });
        }
        let after = connected.control.progress.sequence();
        connected.leave(in_order.then_some(after));
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rank, world, broken, .. } = self;
        f.debug_struct("Ring").field("rank", rank).field("world", world).field("broken", broken).finish()
    }
}
