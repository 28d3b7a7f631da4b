//! What users write, and what they are told.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::path::{Path, PathBuf};

use brazier_storage::Location;

fn s3(bucket: &str, key: &str) -> Location {
    Location::S3 { bucket: bucket.to_string(), key: key.to_string() }
}

#[test]
fn locations_are_read_and_written_back() {
    for (text, location, shown) in [
        ("data/train", Location::Local(PathBuf::from("data/train")), "data/train"),
        (" /data ", Location::Local(PathBuf::from("/data")), "/data"),
        ("file:///data/train", Location::Local(PathBuf::from("/data/train")), "/data/train"),
        ("./odd://name", Location::Local(PathBuf::from("./odd://name")), "./odd://name"),
        ("s3://my-bucket.eu", s3("my-bucket.eu", ""), "s3://my-bucket.eu"),
        ("s3://my-bucket/", s3("my-bucket", ""), "s3://my-bucket"),
        ("s3://my-bucket/a b/ü/", s3("my-bucket", "a b/ü/"), "s3://my-bucket/a b/ü/"),
        ("s3://123//key", s3("123", "/key"), "s3://123//key"),
    ] {
        let parsed = Location::parse(text).unwrap();
        assert_eq!(parsed, location, "{text}");
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(Location::parse(shown), Ok(location));
    }
}

#[test]
fn what_is_not_a_location_is_explained() {
    let long = format!("s3://my-bucket/{}", "k".repeat(1025));
    for (text, words) in [
        ("  ", "a location is empty"),
        ("http://example.com/data", "'http://example.com/data': http:// is not supported"),
        ("gs://bucket/data", "gs:// is not supported"),
        ("file://host/data", "expected file:// and an absolute path"),
        ("s3://", "'' is not a bucket name, expected 3 to 63 characters"),
        ("s3:///key", "'' is not a bucket name, expected 3 to 63 characters"),
        ("s3://ab/key", "'ab' is not a bucket name, expected 3 to 63 characters"),
        ("s3://My-Bucket/key", "expected lower-case letters"),
        ("s3://my_bucket/key", "expected lower-case letters"),
        ("s3://-bucket/key", "expected a letter or digit at both ends"),
        ("s3://bucket./key", "expected a letter or digit at both ends"),
        ("s3://my..bucket", "expected no two dots in a row"),
        ("s3://192.168.0.1/key", "expected no IP address"),
        (&long, "the key has 1025 bytes, the limit is 1024"),
    ] {
        let message = Location::parse(text).unwrap_err().to_string();
        assert!(message.contains(words), "{text}: {message}");
    }
    assert!(Location::parse(&format!("s3://{}", "b".repeat(63))).is_ok());
    assert!(Location::parse(&format!("s3://{}", "b".repeat(64))).is_err());
}

#[test]
fn names_are_joined_with_one_slash() {
    for (base, name, joined) in [
        ("/data", "train", "/data/train"),
        ("/data/", "/train", "/data/train"),
        ("s3://my-bucket", "train", "s3://my-bucket/train"),
        ("s3://my-bucket/a", "b/c", "s3://my-bucket/a/b/c"),
        ("s3://my-bucket/a/", "/b", "s3://my-bucket/a/b"),
    ] {
        assert_eq!(Location::parse(base).unwrap().join(name).to_string(), joined);
    }
}

#[test]
fn s3_says_how_to_copy() {
    assert_eq!(Location::parse("/data").unwrap().as_local(), Ok(Path::new("/data")));
    let message = Location::parse("s3://my-bucket/mnist").unwrap().as_local().unwrap_err().to_string();
    assert!(message.contains("s3:// is not read or written here"), "{message}");
    assert!(message.contains("`aws s3 cp --recursive s3://my-bucket/mnist DIRECTORY`"), "{message}");
}
