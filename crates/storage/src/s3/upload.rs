//! Files into objects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::task::JoinSet;

use super::{Place, Progress, S3Error};

/// Bytes up to which a file is one request.
const WHOLE: u64 = 16 << 20;

/// Bytes of a part of a larger file, and the most parts. Source: S3 User Guide, "Multipart upload limits".
const PART: u64 = 8 << 20;
const PARTS: u64 = 10_000;

/// Requests at once.
const AT_ONCE: usize = 8;

/// Puts all files below `folder` under a prefix, and gives their number.
pub async fn folder(
    client: &Client,
    folder: &Path,
    prefix: &Place,
    progress: &mut Progress,
) -> Result<usize, S3Error> {
    let files = files(folder).map_err(|source| S3Error::local(&folder.display(), source))?;
    progress.begin("Upload", files.iter().map(|(_, size)| size).sum());
    for (path, size) in &files {
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        put(client, path, *size, &prefix.below(&name), progress).await?;
    }
    progress.end(&format!("{} files to {prefix}", files.len()));
    Ok(files.len())
}

/// Puts a file at a place.
pub async fn file(
    client: &Client,
    path: &Path,
    place: &Place,
    progress: &mut Progress,
) -> Result<(), S3Error> {
    let size = fs::metadata(path).map_err(|source| S3Error::local(&path.display(), source))?.len();
    progress.begin("Upload", size);
    put(client, path, size, place, progress).await?;
    progress.end(&place.to_string());
    Ok(())
}

/// The files below a folder and their bytes, sorted.
fn files(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = fs::metadata(entry.path())?;
        match about.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push((entry.path(), about.len())),
        }
    }
    found.sort();
    Ok(found)
}

async fn put(
    client: &Client,
    path: &Path,
    size: u64,
    place: &Place,
    progress: &mut Progress,
) -> Result<(), S3Error> {
    if size > WHOLE {
        return in_parts(client, path, size, place, progress).await;
    }
    let body = part(path, 0, size).await?;
    let request = client.put_object().bucket(&place.bucket).key(&place.key).body(body);
    request.send().await.map_err(|error| S3Error::answer(place, &error))?;
    progress.add(size);
    Ok(())
}

/// Bytes of a file, read as they are sent, and read again if a request is repeated.
async fn part(path: &Path, start: u64, length: u64) -> Result<ByteStream, S3Error> {
    if length == 0 {
        return Ok(ByteStream::default());
    }
    let stream = ByteStream::read_from().path(path).offset(start).length(Length::Exact(length)).build().await;
    stream.map_err(|error| S3Error::local(&path.display(), io::Error::other(error)))
}

/// Puts a file in parts. What came there is removed if a part fails: S3 would keep it, unseen and paid for.
async fn in_parts(
    client: &Client,
    path: &Path,
    size: u64,
    place: &Place,
    progress: &mut Progress,
) -> Result<(), S3Error> {
    let answer = |error| S3Error::answer(place, &error);
    let begun = client.create_multipart_upload().bucket(&place.bucket).key(&place.key).send().await;
    let begun = begun.map_err(|error| S3Error::answer(place, &error))?;
    let upload = begun.upload_id().unwrap_or_default();
    match parts(client, path, size, place, upload, progress).await {
        Ok(parts) => {
            let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
            let request = client.complete_multipart_upload().bucket(&place.bucket).key(&place.key);
            let done = request.upload_id(upload).multipart_upload(parts).send().await;
            done.map(drop).map_err(answer)
        }
        Err(error) => {
            let request = client.abort_multipart_upload().bucket(&place.bucket).key(&place.key);
            // The failure that led here is the one to tell.
            let _ = request.upload_id(upload).send().await;
            Err(error)
        }
    }
}

async fn parts(
    client: &Client,
    path: &Path,
    size: u64,
    place: &Place,
    upload: &str,
    progress: &mut Progress,
) -> Result<Vec<CompletedPart>, S3Error> {
    let length = PART.max(size.div_ceil(PARTS));
    let mut waiting = (1i32..).zip((0..size).step_by(length as usize));
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    loop {
        while running.len() < AT_ONCE
            && let Some((number, start)) = waiting.next()
        {
            let bytes = length.min(size - start);
            let request = client.upload_part().bucket(&place.bucket).key(&place.key);
            let request = request.upload_id(upload).part_number(number).body(part(path, start, bytes).await?);
            let place = place.clone();
            running.spawn(async move {
                let answer = request.send().await.map_err(|error| S3Error::answer(&place, &error))?;
                let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build();
                Ok::<_, S3Error>((part, bytes))
            });
        }
        let Some(answer) = running.join_next().await else { break };
        let (part, bytes) = answer.map_err(|error| S3Error::local("an upload", error.into()))??;
        progress.add(bytes);
        done.push(part);
    }
    done.sort_by_key(CompletedPart::part_number);
    Ok(done)
}
