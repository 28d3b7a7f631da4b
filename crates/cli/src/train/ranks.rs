//! The processes that train a job together.

use std::time::Duration;

use brazier_collective::ring::{Group, Limits, Ring};
use brazier_collective::{Collective, CollectiveError, Single};
use brazier_sagemaker::environment;
use brazier_sagemaker::hyperparameters::Hyperparameters;
use brazier_sagemaker::place::Place;
use brazier_sagemaker::resources::Resources;

/// Our place among the ranks of a job on `resources`.
///
/// # Errors
/// Variables of a launcher that make no sense.
pub fn place(resources: &Resources) -> anyhow::Result<Place> {
    Ok(Place::find(resources, &environment::process())?)
}

/// Waits for the other ranks, if there are any.
///
/// # Errors
/// Ranks that do not come, or that have other hyperparameters.
pub fn join(place: &Place, read: &Hyperparameters, rehearse: bool) -> anyhow::Result<Box<dyn Collective>> {
    if place.world == 1 {
        return Ok(Box::new(Single));
    }
    let group = Group {
        rank: place.rank,
        world: place.world,
        host: place.host.clone(),
        names: place.hosts.clone(),
        master: place.master.clone(),
        // The interface that the platform names may not exist; the way to the others is always right.
        interface: None,
        fingerprint: fingerprint(read, rehearse),
        limits: Limits {
            rendezvous: Duration::from_secs(read.rendezvous_seconds),
            silence: Duration::from_secs(read.peer_silence_seconds),
            ..Limits::default()
        },
    };
    Ok(Box::new(Ring::join(&group).map_err(narrowed)?))
}

/// What must be equal on all ranks, in words without spaces.
fn fingerprint(read: &Hyperparameters, rehearse: bool) -> String {
    let others = [("brazier", env!("CARGO_PKG_VERSION").to_owned()), ("--rehearse", rehearse.to_string())];
    let all = read.as_map().into_iter().chain(others);
    let words: Vec<String> = all.map(|(name, text)| format!("{name}={}", text.replace(' ', ""))).collect();
    words.join(" ")
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
