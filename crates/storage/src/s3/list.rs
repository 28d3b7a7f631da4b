//! The objects under a prefix.

use std::path::{Component, Path, PathBuf};

use aws_sdk_s3::Client;

use super::{Place, S3Error};

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its key without the prefix it was listed by.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

impl Object {
    /// Where it belongs below `folder`.
    ///
    /// # Errors
    /// A key with `..` in it: whoever may write to a bucket must not write to this machine.
    pub(super) fn path(&self, bucket: &str, folder: &Path) -> Result<PathBuf, S3Error> {
        let name = Path::new(&self.name);
        let is_below = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_below || self.name.contains('\0') {
            return Err(S3Error::Escapes { bucket: bucket.to_owned(), key: self.key.clone() });
        }
        Ok(folder.join(name))
    }
}

/// All objects under a prefix but the empty ones that stand for folders.
pub async fn all(client: &Client, prefix: &Place) -> Result<Vec<Object>, S3Error> {
    let request = client.list_objects_v2().bucket(&prefix.bucket).prefix(&prefix.key);
    let mut pages = request.into_paginator().send();
    let mut objects = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| S3Error::answer(prefix, &error))?;
        for object in page.contents() {
            let (Some(key), size) = (object.key(), object.size().unwrap_or(0)) else { continue };
            let Some(name) = key.strip_prefix(&prefix.key).filter(|name| !name.is_empty()) else { continue };
            if !name.ends_with('/') {
                let size = u64::try_from(size).unwrap_or(0);
                objects.push(Object { key: key.to_owned(), name: name.to_owned(), size });
            }
        }
    }
    Ok(objects)
}

/// Bytes of one object.
pub async fn size(client: &Client, place: &Place) -> Result<u64, S3Error> {
    let answer = client.head_object().bucket(&place.bucket).key(&place.key).send().await;
    let answer = answer.map_err(|error| S3Error::answer(place, &error))?;
    Ok(u64::try_from(answer.content_length().unwrap_or(0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> Option<PathBuf> {
        let object = Object { key: format!("data/{name}"), name: name.to_owned(), size: 1 };
        object.path("bucket", Path::new("/here")).ok()
    }

    #[test]
    fn a_key_never_leads_out_of_the_folder() {
        assert_eq!(path("train/0/a b.png"), Some(PathBuf::from("/here/train/0/a b.png")));
        for name in ["../a", "a/../../b", "/etc/passwd", "a/..", ".", "a\0b"] {
            assert_eq!(path(name), None, "{name}");
        }
        let object = Object { key: "data/../x".to_owned(), name: "../x".to_owned(), size: 1 };
        let told = object.path("bucket", Path::new("/here")).map_err(|error| error.to_string());
        assert_eq!(
            told,
            Err("s3://bucket/data/../x: the key leads out of the folder, expected one without '..'".into())
        );
    }
}
