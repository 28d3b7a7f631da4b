//! Times our JPEG decoder: the whole image, and a region of about 57 % of it.
//!
//! `cargo run --release -p brazier-image --example jpeg_speed FILE...`: milliseconds an image, the least and the
//! median of 30 rounds over all files.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for a person at a terminal")]

use std::hint::black_box;
use std::time::Instant;

use brazier_image::Region;
use brazier_image::jpeg::Jpeg;

fn main() {
    let files: Vec<Vec<u8>> = std::env::args().skip(1).map(|path| std::fs::read(path).unwrap()).collect();
    time("whole", &files, |jpeg| Region::whole(jpeg.width(), jpeg.height()));
    // 224 of 256 rows, and 224 columns of as many as the aspect gives, from the middle.
    time("region", &files, |jpeg| {
        let side = jpeg.width().min(jpeg.height()) * 224 / 256;
        let (left, top) = ((jpeg.width() - side) / 2, (jpeg.height() - side) / 2);
        Region { left, top, width: side, height: side }
    });
    // The last pixel: stepping over all blocks but the last ones.
    time("skip", &files, |jpeg| Region {
        left: jpeg.width() - 1,
        top: jpeg.height() - 1,
        width: 1,
        height: 1,
    });
}

fn time(name: &str, files: &[Vec<u8>], region: impl Fn(&Jpeg) -> Region) {
    let mut rounds: Vec<f64> = (0..30)
        .map(|_| {
            let start = Instant::now();
            for file in files {
                let jpeg = Jpeg::parse(file).unwrap();
                black_box(jpeg.decode(3, region(&jpeg)).unwrap());
            }
            start.elapsed().as_secs_f64() * 1e3 / files.len() as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name}: least {:.3} ms, median {:.3} ms", rounds[0], rounds[rounds.len() / 2]);
}
