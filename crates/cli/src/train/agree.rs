//! What the hosts of a job hold must make one data set.

use brazier_collective::Collective;
use brazier_data::Feed;
use brazier_sagemaker::channels::Distribution;
use serde::{Deserialize, Serialize};

use super::channels::{ClassCounts, Datasets};
use super::ranks::Ranks;
use crate::fault::client;

/// What a host's channels hold; nothing is known of a pipe.
#[derive(Serialize, Deserialize)]
struct Holding {
    names: Option<Vec<String>>,
    /// Of `train` and `validation`.
    images: [Option<usize>; 2],
    counts: Option<ClassCounts>,
}

/// Compares the channels of all hosts, which have `train` and `validation` in these `distributions`; every rank of a host tells the same. Answers the training images of all
/// of them together and of each class, where they are known.
///
/// # Errors
/// Other classes on another host, or of replicated channels another number of images; a host that is gone.
pub fn agree(
    datasets: &Datasets,
    counts: Option<ClassCounts>,
    distributions: [Distribution; 2],
    ranks: &Ranks,
    collective: &mut dyn Collective,
) -> anyhow::Result<(Option<usize>, Option<ClassCounts>)> {
    let count = |feed: &Feed| Some(feed.dataset()?.source.len());
    let images = [count(&datasets.train), datasets.validation.as_ref().and_then(count)];
    if ranks.place.world == 1 {
        return Ok((images[0], counts));
    }
    let names = datasets.told_names().map(<[String]>::to_vec);
    let ours = serde_json::to_vec(&Holding { names, images, counts })?;
    let all = collective.all_gather(ours)?;
    let hosts = all.iter().step_by(ranks.here);
    let all = hosts.map(|one| serde_json::from_slice(one)).collect::<Result<Vec<Holding>, _>>()?;
    compare(&all, distributions, &ranks.place.hosts)?;
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return Ok((None, None)) };
    let first = (first.images[0], first.counts);
    if distributions[0] == Distribution::FullyReplicated {
        return Ok(first);
    }
    Ok(all.fold(first, |(images, counts), other| {
        let images = images.zip(other.images[0]).map(|(one, other)| one + other);
        (images, counts.zip(other.counts).map(|(one, other)| one.with(&other)))
    }))
}

/// Compares what each host holds with what the first does.
fn compare(all: &[Holding], distributions: [Distribution; 2], hosts: &[String]) -> anyhow::Result<()> {
    let host = |rank: usize| hosts.get(rank).cloned().unwrap_or(format!("rank {rank}"));
    for (rank, other) in all.iter().enumerate() {
        let (first, ours) = (host(0), host(rank));
        if other.names != all[0].names {
            let list =
                |holding: &Holding| holding.names.as_ref().map_or("unknown".into(), |names| names.join(", "));
            return Err(client(format!(
                "channel 'train' has other classes on other hosts: {} on {first}, {} on {ours}; expected the same",
                list(&all[0]),
                list(other)
            )));
        }
        for (channel, name) in ["train", "validation"].into_iter().enumerate() {
            let count = |holding: &Holding| {
                holding.images[channel].map_or("unknown".to_owned(), |images| images.to_string())
            };
            let is_replicated = distributions[channel] == Distribution::FullyReplicated;
            if is_replicated && other.images[channel] != all[0].images[channel] {
                return Err(client(format!(
                    "channel '{name}' is FullyReplicated, but holds {} images on {first} and {} on {ours}; expected as \
                     many, or ShardedByS3Key",
                    count(&all[0]),
                    count(other)
                )));
            }
        }
    }
    Ok(())
}
