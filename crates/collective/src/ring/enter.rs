//! Every other rank finds rank 0 and waits for the others there.

use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::address::{connect, resolve, split};
use super::channel::Channel;
use super::group::Group;
use super::message::{Cause, Hello, Message, Position, Welcome};
use crate::CollectiveError;

/// Pauses between calls grow from the first to the last of these. On SageMaker the name of a host can appear in DNS
/// minutes after another host's program has started.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];
/// For one call.
const CALL: Duration = Duration::from_secs(5);

/// Rank 0 has let us in, and all are there.
pub struct Entered {
    pub channel: Channel,
    pub welcome: Welcome,
    /// Where we found rank 0.
    pub master: IpAddr,
}

enum Failure {
    /// It may work later.
    Later(String),
    Final(CollectiveError),
}

/// Calls rank 0 until it answers, with the port on which we wait for our left neighbour.
pub fn enter(group: &Group, port: u16, from: Option<IpAddr>) -> Result<Entered, CollectiveError> {
    let (start, limit) = (Instant::now(), group.limits.rendezvous);
    let mut pause = PAUSES[0];
    loop {
        let why = match call(group, port, from, limit.saturating_sub(start.elapsed())) {
            Ok(entered) => return Ok(entered),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Later(why)) => why,
        };
        if start.elapsed() + pause > limit {
            let ranks = vec![(0, group.name(0))];
            return Err(CollectiveError::Missing { ranks, limit, notes: format!("{}: {why}", group.master) });
        }
        thread::sleep(pause);
        pause = (pause * 2).min(PAUSES[1]);
    }
}

/// One call at each address that rank 0's name has now.
fn call(group: &Group, port: u16, from: Option<IpAddr>, left: Duration) -> Result<Entered, Failure> {
    let (name, master_port) = split(&group.master).map_err(Failure::Final)?;
    let addresses = resolve(name, master_port).map_err(|error| Failure::Later(error.to_string()))?;
    let mut last = Failure::Later("the name has no address".to_owned());
    for address in addresses {
        match ask(group, port, from, address, left.min(CALL)) {
            Err(Failure::Later(why)) => last = Failure::Later(why),
            settled => return settled,
        }
    }
    Err(last)
}

fn ask(
    group: &Group,
    port: u16,
    from: Option<IpAddr>,
    address: SocketAddr,
    limit: Duration,
) -> Result<Entered, Failure> {
    let later = |error: std::io::Error| Failure::Later(error.to_string());
    let limit = limit.max(Duration::from_millis(1));
    let stream = connect(from, address, limit).map_err(later)?;
    let mut channel = Channel::calling(stream).map_err(later)?;
    channel.send(&Message::Join(Hello {
        rank: group.rank,
        world: group.world,
        host: group.host.clone(),
        fingerprint: group.fingerprint.clone(),
        port,
    }));
    let welcome = await_welcome(group, &mut channel)?;
    Ok(Entered { channel, welcome, master: address.ip() })
}

/// Rank 0 lives as long as its heart beats, and has a limit of its own for those who are missing.
fn await_welcome(group: &Group, channel: &mut Channel) -> Result<Welcome, Failure> {
    let beat = group.limits.beat();
    let mut beaten = Instant::now();
    loop {
        // What comes right behind the welcome is for the watch: the group may break before we have our turn.
        while let Some(message) = channel.receive_first() {
            match message {
                Message::Welcome(welcome) => return check(group, welcome),
                Message::Refused(why) => {
                    return Err(Failure::Final(CollectiveError::Refused { name: group.name(0), why }));
                }
                Message::Verdict(cause) => return Err(Failure::Final(verdict(group, cause))),
                _ => {}
            }
        }
        if let Some(why) = channel.closed() {
            return Err(Failure::Later(why.to_owned()));
        }
        if channel.heard().elapsed() > group.limits.silent() {
            return Err(Failure::Later("it does not answer".to_owned()));
        }
        if beaten.elapsed() >= beat {
            channel.send(&Message::Beat(Position::default()));
            beaten = Instant::now();
        }
        channel.flush();
        let limit = Timespec::try_from(beat / 2).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 1_000_000 });
        let _ = poll(&mut [PollFd::new(channel.stream(), PollFlags::IN)], Some(&limit));
    }
}

/// Something else than our rank 0 may have answered.
fn check(group: &Group, welcome: Welcome) -> Result<Welcome, Failure> {
    if welcome.places.len() == group.world && welcome.names.len() == group.world {
        return Ok(welcome);
    }
    Err(Failure::Later(format!("it knows {} ranks instead of {}", welcome.places.len(), group.world)))
}

fn verdict(group: &Group, cause: Cause) -> CollectiveError {
    match cause {
        Cause::Missing { ranks, limit, notes } => CollectiveError::Missing { ranks, limit, notes },
        Cause::Differs { rank, name, expected, found } => {
            CollectiveError::Differs { rank, name, expected, found }
        }
        _ => CollectiveError::Refused { name: group.name(0), why: "the group is broken".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};

    use super::super::group::Limits;
    use super::*;

    #[test]
    fn a_verdict_right_behind_the_welcome_is_kept() {
        let master = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let names = vec!["algo-1".to_owned(), "algo-2".to_owned()];
        let group = Group {
            rank: 1,
            world: 2,
            host: names[1].clone(),
            names: names.clone(),
            master: master.local_addr().unwrap().to_string(),
            interface: None,
            fingerprint: String::new(),
            limits: Limits::default(),
        };
        let cause = Cause::Aborted { rank: 0, reason: "sample 7 is damaged".to_owned() };
        thread::scope(|scope| {
            let entered = scope.spawn(|| enter(&group, 1, None).unwrap());
            let mut stream = master.accept().unwrap().0;
            let welcome = Welcome { token: 1, names, places: vec![(None, 1), (None, 2)] };
            let mut both = Vec::new();
            for message in [Message::Welcome(welcome.clone()), Message::Verdict(cause.clone())] {
                let body = serde_json::to_vec(&message).unwrap();
                both.extend((body.len() as u32).to_le_bytes());
                both.extend(body);
            }
            stream.write_all(&both).unwrap();
            let mut entered = entered.join().unwrap();
            assert_eq!(entered.welcome, welcome);
            assert_eq!(entered.channel.receive(), [Message::Verdict(cause)]);
        });
    }
}
