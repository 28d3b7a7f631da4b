//! Rank 0 waits until all are there.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::door::Door;
use super::group::Group;
use super::message::{Cause, Hello, Message, Position, Welcome};
use crate::CollectiveError;

/// How often those who wait are looked after.
const TICK: Duration = Duration::from_millis(20);
/// Visitors that are told of in an error.
const NOTES: usize = 5;

/// Everyone, by rank.
pub struct Assembled {
    /// `None` at our own place.
    pub channels: Vec<Option<Channel>>,
    /// With every address as we see it.
    pub welcome: Welcome,
    /// Where rank 0's left neighbour will knock.
    pub door: Door,
}

struct Assembly<'a> {
    group: &'a Group,
    present: Vec<Option<Present>>,
    /// Who was sent away, for the error.
    notes: Vec<String>,
}

struct Present {
    channel: Channel,
    address: IpAddr,
    hello: Hello,
}

/// Lets ranks in until all are there, or tells those who are who is missing.
pub fn assemble(group: &Group, listener: TcpListener) -> Result<Assembled, CollectiveError> {
    let port = listener.local_addr().map(|address| address.port());
    let door = Door::new(listener).and_then(|door| Ok((door, port?)));
    let (mut door, port) =
        door.map_err(|error| CollectiveError::Join(format!("the listener does not work: {error}")))?;
    let mut assembly =
        Assembly { group, present: (0..group.world).map(|_| None).collect(), notes: Vec::new() };
    let (start, mut beat) = (Instant::now(), Instant::now());
    while !assembly.is_complete() {
        let (known, dropped) = door.wait(TICK);
        dropped.into_iter().for_each(|why| assembly.note(why));
        for (channel, address, message) in known {
            assembly.admit(channel, address, message);
        }
        assembly.look_after(beat.elapsed() > group.limits.beat());
        if beat.elapsed() > group.limits.beat() {
            beat = Instant::now();
        }
        if start.elapsed() > group.limits.rendezvous {
            return Err(assembly.give_up());
        }
    }
    if let Some(error) = assembly.difference() {
        return Err(error);
    }
    Ok(assembly.welcome(port, door))
}

impl Assembly<'_> {
    /// Whether all are there, now.
    fn is_complete(&mut self) -> bool {
        let complete = |present: &[Option<Present>]| present.iter().skip(1).all(Option::is_some);
        if complete(&self.present) {
            self.look_after(false);
        }
        complete(&self.present)
    }

    fn note(&mut self, what: String) {
        if self.notes.len() < NOTES && !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    /// Someone speaks our language: one of our ranks, or one that is wrong here.
    fn admit(&mut self, mut channel: Channel, address: SocketAddr, message: Message) {
        let Message::Join(hello) = message else { return };
        let address = address.ip().to_canonical();
        if let Some(why) = self.objection(&hello) {
            channel.send(&Message::Refused(why.clone()));
            self.note(format!("rank {} of {address} ({}) was refused: {why}", hello.rank, hello.host));
            return;
        }
        let rank = hello.rank;
        channel.send(&Message::Beat(Position::default()));
        self.present[rank] = Some(Present { channel, address, hello });
    }

    /// Why a rank cannot be let in.
    fn objection(&mut self, hello: &Hello) -> Option<String> {
        let (rank, world) = (hello.rank, self.group.world);
        if hello.world != world {
            return Some(format!("it counts {} ranks, rank 0 counts {world}", hello.world));
        }
        if rank == 0 || rank >= world {
            return Some(format!("the others are ranks 1 to {}, it says rank {rank}", world - 1));
        }
        self.look_after(false);
        let other = self.present[rank].as_ref()?;
        Some(format!("rank {rank} is here already, from {} ({})", other.address, other.hello.host))
    }

    /// Forgets those who left again, so that they may come back.
    fn look_after(&mut self, beat: bool) {
        for place in &mut self.present {
            let Some(present) = place else { continue };
            if beat {
                present.channel.send(&Message::Beat(Position::default()));
            }
            present.channel.flush();
            present.channel.receive();
            let silent = present.channel.heard().elapsed() > self.group.limits.silent();
            if silent || present.channel.closed().is_some() {
                *place = None;
            }
        }
    }

    fn name(&self, rank: usize) -> String {
        let present = self.present[rank].as_ref();
        present.map_or_else(|| self.group.name(rank), |present| present.hello.host.clone())
    }

    /// A rank runs something else. Told once all are there: who comes later would find nobody to tell it.
    fn difference(&mut self) -> Option<CollectiveError> {
        let expected = self.group.fingerprint.clone();
        let other = |present: &Present| present.hello.fingerprint != expected;
        let rank = self.present.iter().position(|present| present.as_ref().is_some_and(other))?;
        let found = self.present[rank].as_ref()?.hello.fingerprint.clone();
        let name = self.name(rank);
        let (error_name, error_expected, error_found) = (name.clone(), expected.clone(), found.clone());
        self.tell(&Cause::Differs { rank, name, expected, found });
        Some(CollectiveError::Differs {
            rank,
            name: error_name,
            expected: error_expected,
            found: error_found,
        })
    }

    fn give_up(&mut self) -> CollectiveError {
        if let Some(error) = self.difference() {
            return error;
        }
        let missing = (1..self.group.world).filter(|rank| self.present[*rank].is_none());
        let ranks: Vec<_> = missing.map(|rank| (rank, self.group.name(rank))).collect();
        let (limit, notes) = (self.group.limits.rendezvous, self.notes.join("; "));
        self.tell(&Cause::Missing { ranks: ranks.clone(), limit, notes: notes.clone() });
        CollectiveError::Missing { ranks, limit, notes }
    }

    /// Tells those who are there why it comes to nothing, and lets them hear it.
    fn tell(&mut self, cause: &Cause) {
        for present in self.present.iter_mut().flatten() {
            present.channel.send(&Message::Verdict(cause.clone()));
            present.channel.finish();
        }
        let start = Instant::now();
        while start.elapsed() < self.group.limits.farewell() && self.present.iter().any(Option::is_some) {
            std::thread::sleep(TICK);
            self.look_after(false);
        }
    }

    fn welcome(mut self, port: u16, door: Door) -> Assembled {
        let token = RandomState::new().hash_one(self.group.rank);
        let names = (0..self.group.world).map(|rank| self.name(rank)).collect();
        let place = |present: &Option<Present>| match present {
            Some(Present { address, hello, .. }) => (Some(*address), hello.port),
            None => (None, port),
        };
        let places: Vec<_> = self.present.iter().map(place).collect();
        // From another host a loopback address leads nowhere: who has one is on ours.
        let seen = |(address, port): &(Option<IpAddr>, u16)| (address.filter(|it| !it.is_loopback()), *port);
        let welcome = Welcome { token, names, places: places.iter().map(seen).collect() };
        for present in self.present.iter_mut().flatten() {
            present.channel.send(&Message::Welcome(welcome.clone()));
        }
        let channels = self.present.into_iter().map(|present| Some(present?.channel)).collect();
        Assembled { channels, welcome: Welcome { places, ..welcome }, door }
    }
}
