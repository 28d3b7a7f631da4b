//! The ranks that train a job together: on each host one for each of its devices, every one with a network of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::Context;
#[cfg(feature = "cuda")]
use brazier_collective::Wire;
use brazier_collective::ring::{Group, Limits, Ring};
use brazier_collective::{Collective, CollectiveError, Single};
use brazier_model::device::Selection;
use brazier_sagemaker::environment;
use brazier_sagemaker::failure;
use brazier_sagemaker::hyperparameters::Hyperparameters;
use brazier_sagemaker::place::Place;
use brazier_sagemaker::resources::Resources;

use crate::fault;
use crate::panics;

/// One rank's end of the group.
pub type Link = Box<dyn Collective>;

/// The ranks of a job, and which of them are this process's.
pub struct Ranks {
    /// This host among the job's; its `rank` and `world` count hosts.
    pub place: Place,
    /// Ranks on this host, as on every other one.
    pub here: usize,
}

impl Ranks {
    /// Our ranks, `here` of them, in a job on `resources`.
    ///
    /// # Errors
    /// Variables of a launcher that make no sense.
    pub fn find(resources: &Resources, here: usize) -> anyhow::Result<Self> {
        Ok(Ranks { place: Place::find(resources, &environment::process())?, here })
    }

    /// Ranks of the job.
    pub fn world(&self) -> usize {
        self.place.world * self.here
    }

    /// Whether the model is written here: the first rank is ours.
    pub fn keep_the_model(&self) -> bool {
        self.place.rank == 0
    }

    /// One line on who trains with whom; nothing of a single rank.
    pub fn told(&self) -> Option<String> {
        let Place { rank, world, master, .. } = &self.place;
        match (self.here, world) {
            (1, 1) => None,
            (here, 1) => Some(format!("Training with {here} ranks on this host")),
            (1, _) => Some(format!("Rank {rank} of {world}, waiting for the others at {master}")),
            (here, _) => {
                let (first, all) = (rank * here, self.world());
                let last = first + here - 1;
                Some(format!("Ranks {first} to {last} of {all}, waiting for the others at {master}"))
            }
        }
    }

    /// Waits for the other ranks, if there are any. The links of our ranks, in their order.
    ///
    /// # Errors
    /// Ranks that do not come, or that have other hyperparameters.
    pub fn join(
        &self,
        read: &Hyperparameters,
        rehearse: bool,
        devices: &Selection,
    ) -> anyhow::Result<Vec<Link>> {
        if self.world() == 1 {
            return Ok(vec![Box::new(Single)]);
        }
        // Ranks of one host alone meet at a port that nobody else can know.
        let door = match self.place.world {
            1 => Some(
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the ranks of this host")?,
            ),
            _ => None,
        };
        let master = match &door {
            Some(door) => door.local_addr().context("no port for the ranks of this host")?.to_string(),
            None => self.place.master.clone(),
        };
        let group = |rank: usize| Group {
            rank,
            world: self.world(),
            host: self.place.host.clone(),
            names: self.place.hosts.iter().flat_map(|host| vec![host.clone(); self.here]).collect(),
            master: master.clone(),
            // The interface that the platform names may not exist; the way to the others is always right.
            interface: None,
            fingerprint: self.fingerprint(read, rehearse),
            limits: Limits {
                rendezvous: Duration::from_secs(read.rendezvous_seconds),
                silence: Duration::from_secs(read.peer_silence_seconds),
                stall: Duration::from_secs(read.peer_stall_seconds),
            },
        };
        let groups = (0..self.here).map(|rank| group(self.place.rank * self.here + rank));
        // The door is the first one's.
        let doors = door.map(Some).into_iter().chain(std::iter::repeat_with(|| None));
        let joined = each(groups.zip(doors).collect(), |number, (group, door)| {
            let ring = match door {
                Some(door) => Ring::join_at(&group, door),
                None => Ring::join(&group),
            };
            Ok(between_devices(ring.map_err(narrowed)?, number, devices)?)
        })?;
        joined.into_iter().collect()
    }

    /// What must be equal on all ranks, in words without spaces.
    fn fingerprint(&self, read: &Hyperparameters, rehearse: bool) -> String {
        let others = [
            ("brazier", env!("CARGO_PKG_VERSION").to_owned()),
            ("--rehearse", rehearse.to_string()),
            ("--ranks", self.here.to_string()),
        ];
        let all = read.as_map().into_iter().chain(others);
        let words: Vec<String> =
            all.map(|(name, text)| format!("{name}={}", text.replace(' ', ""))).collect();
        words.join(" ")
    }
}

/// The link of our rank `number`: between GPUs through NCCL, if it is there on all hosts.
#[cfg(feature = "cuda")]
fn between_devices(mut ring: Ring, number: usize, devices: &Selection) -> Result<Link, CollectiveError> {
    use brazier_collective::nccl::Nccl;
    let gpu = devices.numbers.get(number).filter(|_| devices.has_nccl);
    let mut without = [if gpu.is_some() { 0.0 } else { 1.0 }];
    ring.all_reduce_sum(&mut without, Wire::Float32)?;
    match gpu {
        Some(&gpu) if without == [0.0] => Ok(Box::new(Nccl::join(ring, gpu)?)),
        _ => Ok(Box::new(ring)),
    }
}

#[cfg(not(feature = "cuda"))]
fn between_devices(ring: Ring, _number: usize, _devices: &Selection) -> Result<Link, CollectiveError> {
    Ok(Box::new(ring))
}

/// Tells the other ranks why ours leave.
pub fn abort(links: &mut [Link], error: &anyhow::Error) {
    let reason = failure::text(fault::of(error), &fault::message(error));
    links.iter_mut().for_each(|link| link.abort(&reason));
}

/// Does `work` for each of our ranks, counted from 0, on threads of their own. A rank that fails, or panics, tells the others
/// why, so that all end.
///
/// # Errors
/// What made the first of them fail: the error of one that did not fail because of others, if there is one.
pub fn train(
    links: Vec<Link>,
    work: impl Fn(usize, &mut dyn Collective) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let one = |number: usize, mut link: Link| {
        let result = panics::caught(|| work(number, link.as_mut()));
        result.inspect_err(|error| abort(std::slice::from_mut(&mut link), error))
    };
    let errors: Vec<anyhow::Error> = each(links, one)?.into_iter().filter_map(Result::err).collect();
    let (others, own): (Vec<_>, Vec<_>) = errors.into_iter().partition(fault::is_of_others);
    own.into_iter().chain(others).next().map_or(Ok(()), Err)
}

/// What `work` makes of each thing, on a thread of its own if there are several.
fn each<T: Send, R: Send>(
    things: Vec<T>,
    work: impl Fn(usize, T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<anyhow::Result<R>>> {
    if things.len() == 1 {
        return Ok(things.into_iter().map(|thing| work(0, thing)).collect());
    }
    let work = &work;
    thread::scope(|scope| {
        let start = |(number, thing)| {
            let thread = thread::Builder::new().name(format!("rank {number}"));
            thread.spawn_scoped(scope, move || work(number, thing)).context("no thread for a rank")
        };
        let threads: Vec<ScopedJoinHandle<_>> =
            things.into_iter().enumerate().map(start).collect::<anyhow::Result<_>>()?;
        let ended = |thread: ScopedJoinHandle<anyhow::Result<R>>| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a rank's thread ended in a panic")))
        };
        Ok(threads.into_iter().map(ended).collect())
    })
}

/// Of two fingerprints only the words that differ: a failure text has room for no more.
fn narrowed(error: CollectiveError) -> CollectiveError {
    let CollectiveError::Differs { rank, name, expected, found } = error else { return error };
    let without = |one: &str, other: &str| {
        let others: Vec<&str> = other.split(' ').collect();
        one.split(' ').filter(|word| !others.contains(word)).collect::<Vec<_>>().join(" ")
    };
    let (expected, found) = (without(&expected, &found), without(&found, &expected));
    CollectiveError::Differs { rank, name, expected, found }
}
