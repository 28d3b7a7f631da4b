//! Each rank calls its right neighbour and is called by its left one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::address::connect;
use super::channel::Channel;
use super::control::Control;
use super::door::Door;
use super::links::Links;
use super::message::{Cause, Message, Welcome};
use crate::CollectiveError;

/// How long to look for a left neighbour before looking for a verdict again.
const TICK: Duration = Duration::from_millis(20);
/// For one call.
const CALL: Duration = Duration::from_secs(5);
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the neighbours are.
pub struct Map<'a> {
    pub welcome: &'a Welcome,
    /// Where rank 0 is for us.
    pub master: IpAddr,
    /// From which address of ours to call.
    pub from: Option<IpAddr>,
}

/// The data connections. A neighbour that cannot be reached ends the group.
pub fn join_ring(control: &Arc<Control>, map: &Map, door: &mut Door) -> Result<Links, CollectiveError> {
    let links = call_right(control, map).and_then(|right| {
        let left = answer_left(control, map.welcome.token, door)?;
        Links::new(Arc::clone(control), left, right).map_err(|error| ours(control, error.to_string()))
    });
    links.map_err(|cause| {
        control.pronounce(cause.clone());
        control.error(control.verdict().unwrap_or(cause), None)
    })
}

fn ours(control: &Control, reason: String) -> Cause {
    Cause::Aborted { rank: control.rank, reason }
}

fn call_right(control: &Control, map: &Map) -> Result<TcpStream, Cause> {
    let rank = (control.rank + 1) % control.world();
    let (address, port) = map.welcome.places[rank];
    let address = SocketAddr::new(address.unwrap_or(map.master), port);
    let (start, limit) = (Instant::now(), control.limits.silence.saturating_mul(3));
    loop {
        let stream = connect(map.from, address, control.limits.silence.min(CALL)).and_then(Channel::calling);
        let introduced = stream.map(|mut channel| {
            channel.send(&Message::Link { token: map.welcome.token, rank: control.rank });
            channel.into_stream()
        });
        let why = match introduced {
            Ok(Some(stream)) => return Ok(stream),
            Ok(None) => "it takes nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        if let Some(cause) = control.verdict() {
            return Err(cause);
        }
        if start.elapsed() > limit {
            let name = crate::error::Named(rank, &control.name(rank)).to_string();
            return Err(ours(control, format!("cannot connect to {name} at {address}: {why}")));
        }
        thread::sleep(PAUSE);
    }
}

fn answer_left(control: &Control, token: u64, door: &mut Door) -> Result<TcpStream, Cause> {
    let world = control.world();
    let left = (control.rank + world - 1) % world;
    loop {
        for (channel, _, message) in door.wait(TICK).0 {
            if message == (Message::Link { token, rank: left })
                && let Some(stream) = channel.into_stream()
            {
                return Ok(stream);
            }
        }
        if let Some(cause) = control.verdict() {
            return Err(cause);
        }
    }
}

/// Where a program on our own host listens.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
