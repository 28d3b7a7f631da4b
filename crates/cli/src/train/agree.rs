//! What the hosts of a job hold must make one data set.

use brazier_collective::Collective;
use brazier_sagemaker::channels::Distribution;
use brazier_sagemaker::place::Place;
use serde::{Deserialize, Serialize};

use super::channels::{ClassCounts, Datasets};
use crate::fault::client;

/// What a host's training channel holds; nothing is known of a pipe.
#[derive(Serialize, Deserialize)]
struct Holding {
    names: Option<Vec<String>>,
    images: Option<usize>,
    counts: Option<ClassCounts>,
}

/// Compares the training channels of all hosts. Answers the images of all of them together and of each class, where they are known.
///
/// # Errors
/// Other classes on another host, or of replicated channels another number of images; a host that is gone.
pub fn agree(
    datasets: &Datasets,
    counts: Option<ClassCounts>,
    distribution: Distribution,
    place: &Place,
    collective: &mut dyn Collective,
) -> anyhow::Result<(Option<usize>, Option<ClassCounts>)> {
    let images = datasets.train.dataset().map(|train| train.source.len());
    if place.world == 1 {
        return Ok((images, counts));
    }
    let names = datasets.told_names().map(<[String]>::to_vec);
    let ours = serde_json::to_vec(&Holding { names, images, counts })?;
    let all = collective.all_gather(ours)?;
    let mut all = all.iter().map(|one| serde_json::from_slice(one)).collect::<Result<Vec<Holding>, _>>()?;
    compare(&all, distribution, place)?;
    let others = all.split_off(1);
    let Some(Holding { images, counts, .. }) = all.pop() else { return Ok((None, None)) };
    if distribution == Distribution::FullyReplicated {
        return Ok((images, counts));
    }
    Ok(others.into_iter().fold((images, counts), |(images, counts), other| {
        let images = images.zip(other.images).map(|(one, other)| one + other);
        (images, counts.zip(other.counts).map(|(one, other)| one.with(&other)))
    }))
}

/// Compares what each host holds with what the first does.
fn compare(all: &[Holding], distribution: Distribution, place: &Place) -> anyhow::Result<()> {
    let host = |rank: usize| place.hosts.get(rank).cloned().unwrap_or(format!("rank {rank}"));
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
        if distribution == Distribution::FullyReplicated && other.images != all[0].images {
            let count =
                |holding: &Holding| holding.images.map_or("unknown".into(), |images| images.to_string());
            return Err(client(format!(
                "channel 'train' is FullyReplicated, but holds {} images on {first} and {} on {ours}; expected as many, \
                 or ShardedByS3Key",
                count(&all[0]),
                count(other)
            )));
        }
    }
    Ok(())
}
