//! How fast records are read, against reading the same bytes as they are.
//!
//!     cargo bench -p brazier-mxnet
//!
//! For three sizes of record: a file read through `Reader`, its payloads borrowed and copied, against the file
//! read in blocks of 1 MiB; and the payloads of `record_at` summed, against the sum of the whole file in memory. Runs alternate, medians count; a
//! ratio of 1 means that framing costs nothing. The file is read once before, so that it lies in the page cache.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use brazier_mxnet::recordio::{Reader, Writer, record_at};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Read};
use std::path::Path;
use std::time::Instant;

const FILE_BYTES: usize = 512 << 20;
const BLOCK_BYTES: usize = 1 << 20;
const RUNS: usize = 15;

fn main() {
    let path = std::env::temp_dir().join(format!("brazier-reading-{}.rec", std::process::id()));
    println!("record bytes  form     plain MB/s  records MB/s  ratio");
    for size in [600, 12_000, 110_000] {
        make(&path, size);
        compare(size, "borrow", || blocks(&path), || borrow(&path));
        compare(size, "copy  ", || blocks(&path), || copy(&path));
        let bytes = fs::read(&path).unwrap();
        compare(size, "memory", || sum(&bytes), || records(&bytes));
    }
    fs::remove_file(&path).unwrap();
}

/// Records of sizes from half of `size` to one and a half times that.
fn make(path: &Path, size: usize) {
    let mut writer = Writer::new(BufWriter::new(File::create(path).unwrap()));
    let noise: Vec<u8> = (0..2 * size as u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    let (mut written, mut state) = (0, 1_usize);
    while written < FILE_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let length = size / 2 + (state >> 33) % size;
        writer.write(&noise[..length]).unwrap();
        written += length;
    }
}

/// Runs both in turn and prints their median rates; both say how many bytes they went over.
fn compare(size: usize, form: &str, plain: impl Fn() -> usize, records: impl Fn() -> usize) {
    black_box(plain());
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(rate(&plain));
        ours.push(rate(&records));
    }
    let (theirs, ours) = (median(theirs), median(ours));
    println!("{size:12}  {form}  {theirs:12.0}  {ours:12.0}  {:5.3}", ours / theirs);
}

fn rate(run: &impl Fn() -> usize) -> f64 {
    let begun = Instant::now();
    let bytes = black_box(run());
    bytes as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn blocks(path: &Path) -> usize {
    let (mut file, mut block, mut total) = (File::open(path).unwrap(), vec![0; BLOCK_BYTES], 0);
    loop {
        match file.read(&mut block).unwrap() {
            0 => return total,
            read => total += read,
        }
        black_box(&block);
    }
}

fn borrow(path: &Path) -> usize {
    let (mut reader, mut total) = (Reader::new(File::open(path).unwrap()), 0);
    while let Some(record) = reader.borrow_record().unwrap() {
        total += black_box(&record.payload).len();
    }
    total
}

fn copy(path: &Path) -> usize {
    let (mut reader, mut payload, mut total) = (Reader::new(File::open(path).unwrap()), Vec::new(), 0);
    while reader.read_into(&mut payload).unwrap().is_some() {
        total += black_box(&payload).len();
    }
    total
}

fn sum(bytes: &[u8]) -> usize {
    black_box(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    bytes.len()
}

fn records(bytes: &[u8]) -> usize {
    let (mut next, mut total) = (0, 0);
    while next < bytes.len() as u64 {
        let (record, after) = record_at(bytes, next).unwrap();
        total += sum(&record.payload);
        next = after;
    }
    total
}
