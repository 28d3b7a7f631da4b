//! Objects into files.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::list::Object;
use super::{Place, Progress, S3Error};

/// Bytes of one request. S3's guide to performance asks for 8 to 16 MB.
const RANGE: u64 = 8 << 20;

/// Requests at once. The same guide counts one for each 85 to 90 MB/s of the network: this fills 10 Gbit/s.
const AT_ONCE: usize = 16;

/// How often a request whose answer breaks off is made. The SDK itself repeats only those that get no answer.
const ATTEMPTS: u32 = 4;

/// Part of an object, and the file it goes to.
struct Range {
    place: Place,
    file: Arc<File>,
    start: u64,
    length: u64,
}

/// Brings `objects`, listed under `prefix`, into `folder`. A file has its name once it is whole.
pub async fn all(
    client: &Client,
    prefix: &Place,
    objects: &[Object],
    folder: &Path,
    progress: &mut Progress,
) -> Result<(), S3Error> {
    progress.begin("Download", objects.iter().map(|object| object.size).sum());
    let mut ranges = Vec::new();
    for object in objects {
        let path = object.path(&prefix.bucket, folder)?;
        let place = Place { bucket: prefix.bucket.clone(), key: object.key.clone() };
        ranges.push((place, object.size, path));
    }
    let mut files = ranges.into_iter().peekable();
    // A few files are open at a time: a data set can have more of them than a process may open.
    while files.peek().is_some() {
        let some: Vec<_> = files.by_ref().take(AT_ONCE * 4).collect();
        let mut parts = Vec::new();
        for (place, size, path) in &some {
            parts.extend(split(place, *size, &partial(path))?);
        }
        fetch(client, parts, progress).await?;
        for (_, _, path) in &some {
            fs::rename(partial(path), path).map_err(|source| S3Error::local(&path.display(), source))?;
        }
    }
    progress.end(&format!("{} files from {prefix}", objects.len()));
    Ok(())
}

/// Brings one object into a file.
pub async fn one(
    client: &Client,
    place: &Place,
    object: &Object,
    path: &Path,
    progress: &mut Progress,
) -> Result<(), S3Error> {
    progress.begin("Download", object.size);
    fetch(client, split(place, object.size, &partial(path))?, progress).await?;
    fs::rename(partial(path), path).map_err(|source| S3Error::local(&path.display(), source))?;
    progress.end(&place.to_string());
    Ok(())
}

fn partial(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// The ranges of an object, and the file they go to.
fn split(place: &Place, size: u64, path: &Path) -> Result<Vec<Range>, S3Error> {
    let failed = |source| S3Error::local(&path.display(), source);
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    let file = File::create(path).map_err(failed)?;
    file.set_len(size).map_err(failed)?;
    let file = Arc::new(file);
    let range = |start| {
        let (place, file) = (place.clone(), Arc::clone(&file));
        Range { place, file, start, length: RANGE.min(size - start) }
    };
    Ok((0..size).step_by(RANGE as usize).map(range).collect())
}

/// Brings all ranges, some at a time. The first failure ends the others.
async fn fetch(client: &Client, ranges: Vec<Range>, progress: &mut Progress) -> Result<(), S3Error> {
    let mut waiting = ranges.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(range) = waiting.next()
        {
            running.spawn(persist(client.clone(), range));
        }
        let Some(done) = running.join_next().await else { return Ok(()) };
        progress.add(done.map_err(|error| S3Error::local("a download", error.into()))??);
    }
}

/// Brings a range, again if the answer breaks off, and gives its bytes.
async fn persist(client: Client, range: Range) -> Result<u64, S3Error> {
    let mut attempt = 1;
    loop {
        match bring(&client, &range).await {
            Ok(()) => return Ok(range.length),
            Err(S3Error::Unreachable { .. } | S3Error::Short { .. }) if attempt < ATTEMPTS => {
                sleep(Duration::from_millis(200 << attempt)).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn bring(client: &Client, range: &Range) -> Result<(), S3Error> {
    let Range { place, file, start, length } = range;
    let bytes = format!("bytes={start}-{}", start + length - 1);
    let request = client.get_object().bucket(&place.bucket).key(&place.key).range(bytes);
    let mut body = request.send().await.map_err(|error| S3Error::answer(place, &error))?.body;
    let mut at = 0;
    while let Some(chunk) = body.next().await {
        let unreachable = |error: aws_sdk_s3::primitives::ByteStreamError| S3Error::Unreachable {
            place: place.to_string(),
            reason: error.to_string(),
        };
        let chunk = chunk.map_err(unreachable)?;
        at += chunk.len() as u64;
        if at > *length {
            break;
        }
        // A page of the cache is quicker than another thread.
        file.write_all_at(&chunk, start + at - chunk.len() as u64)
            .map_err(|source| S3Error::local(place, source))?;
    }
    match at == *length {
        true => Ok(()),
        false => Err(S3Error::Short { place: place.to_string(), found: at, expected: *length }),
    }
}
