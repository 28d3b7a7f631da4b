//! Writes the inputs that fuzzing begins with: `seeds REPOSITORY CORPUS` fills one folder of CORPUS for each target, from
//! the golden files of REPOSITORY.

use brazier_checkpoint::archive::{self, Files};
use brazier_checkpoint::state;
use brazier_mxnet::recordio::{MAGIC, Writer, offsets, record_at};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Larger files teach the fuzzer little and slow it down.
const LARGEST: usize = 8 << 10;

fn main() -> io::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [repository, corpus] = arguments.as_slice() else {
        return Err(io::Error::other("seeds REPOSITORY CORPUS"));
    };
    let formats = repository.join("tests/golden/formats");
    let seed = |target: &str, name: &str, bytes: &[u8]| write(corpus, target, name, bytes);

    for (name, bytes) in files(&formats)? {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("rec") => {
                seed("recordio", &name, &bytes)?;
                seed("channel", &name, &after(&[1], &bytes))?;
                seed("parts", &name, &after(&[3, 0, 2], &bytes))?;
                for offset in offsets(&bytes).unwrap_or_default() {
                    let (record, end) = record_at(&bytes, offset).map_err(io::Error::other)?;
                    let name = format!("{name}-{offset}");
                    seed("image_record", &name, &record.payload)?;
                    seed("recordio", &name, &bytes[offset as usize..end as usize])?;
                }
            }
            Some("idx") => seed("idx", &name, &bytes)?,
            Some("params") => seed("params", &name, &bytes)?,
            Some("json") if name.ends_with("symbol.json") => seed("symbol", &name, &bytes)?,
            _ => {}
        }
    }
    for (name, bytes) in files(&repository.join("crates/image/tests/golden"))? {
        seed("image", &name, &after(&[0], &bytes))?;
    }
    let scratch = corpus.join("scratch");
    let sections: [(&str, &[u8]); 2] = [("network/arg:a", &[0, 0, 128, 63]), ("empty", &[])];
    state::write(&scratch, &serde_json::json!({"epoch": 3, "rate": 0.1}), sections)
        .map_err(io::Error::other)?;
    seed("checkpoint", "small", &fs::read(&scratch)?)?;
    let model =
        Files::from([("a.params".to_owned(), vec![1; 40]), ("brazier.json".to_owned(), b"{}".to_vec())]);
    archive::pack(&model, &scratch).map_err(io::Error::other)?;
    seed("archive", "packed", &fs::read(&scratch)?)?;
    seed("archive", "plain", &unzipped(&scratch)?)?;
    fs::remove_file(scratch)?;
    seed("recordio", "small", &small())?;
    seed("parts", "small", &after(&[4, 16, 0], &small()))?;
    seed("lst", "labels", "3\t1.000000\t0.5\tcats/a b.jpg\r\n\n-1\t1e3\tü.png\n".as_bytes())?;
    seed("lst", "mark", "\u{feff}0\t1\tx\n1\tnan\ty\n2\ty\n".as_bytes())?;
    seed("idx", "small", b"0\t0\r\n\n7 16\n")?;
    for (name, text) in [("one", "3"), ("text", "\"[1, 0, 1]\""), ("list", "[\"2\", 5.5e1]")] {
        seed("label_text", name, text.as_bytes())?;
    }
    seed("channel", "records", &after(&[0], &small()))?;
    seed("channel", "list", b"\x020\t1.5\ta/1.png\n1\t0\t1\ta/2.png\n")?;
    let line = r#"{"source-ref": "s3://b/a/1.png", "c": "1", "c-metadata": {"class-name": "x", "class-map": {"1": "y"}}}"#;
    seed("channel", "manifest", &after(&[3], line.as_bytes()))?;
    seed("channel", "images", &[4, 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9])?;
    seed("channel", "packed", &[4, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// The `.tar` in a `.tar.gz`.
fn unzipped(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Records round the magic.
fn small() -> Vec<u8> {
    let magic = MAGIC.to_le_bytes();
    let mut writer = Writer::new(Vec::new());
    for payload in [b"".as_slice(), b"abcde", &magic, &[b"abcd".as_slice(), &magic, b"ef"].concat()] {
        writer.write(payload).expect("a vector takes all bytes");
    }
    writer.into_inner()
}

/// The bytes, after those that a target takes for its other arguments.
fn after(arguments: &[u8], bytes: &[u8]) -> Vec<u8> {
    [arguments, bytes].concat()
}

fn files(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, fs::read(path)?));
        }
    }
    Ok(files)
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), &bytes[..bytes.len().min(LARGEST)])
}
