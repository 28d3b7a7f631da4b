//! Files that would cost far more than they weigh: refused before the memory is spent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use std::path::Path;

use brazier_image::{ImageError, Limits, decode};

const MIB: u64 = 1 << 20;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap()
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

fn patched(name: &str, at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = golden(name);
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let checked = [kind, data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &checked, &crc32fast::hash(&checked).to_be_bytes()].concat()
}

/// An 8-bit grey PNG whose header says `width` x `height`, of which `data` is the compressed stream.
fn png(width: u32, height: u32, extra: &[u8], data: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let chunks =
        [png_chunk(b"IHDR", &header), extra.to_vec(), png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

/// A zlib stream of about `len` zeros, at 158 of them a byte: one literal, then repetitions in fixed codes.
fn zeros(len: u32) -> Vec<u8> {
    let (mut stream, mut waiting, mut bits) = (vec![0x78, 0x9c], 0_u32, 0);
    let mut put = |value: u32, count: u32| {
        waiting |= value << bits;
        bits += count;
        while bits >= 8 {
            stream.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    };
    // The last block, of fixed codes; a zero.
    put(0b011, 3);
    put(0b0000_1100, 8);
    // 258 bytes from a distance of 1.
    (0..len / 258).for_each(|_| put(0b1010_0011, 13));
    put(0, 7 + 7);
    let written = 1 + len / 258 * 258;
    let checksum = ((written % 65_521) << 16) | 1;
    [stream, checksum.to_be_bytes().to_vec()].concat()
}

/// A JPEG whose frame header says `width` x `height`.
fn jpeg(name: &str, marker: u8, width: u16, height: u16) -> Vec<u8> {
    let mut bytes = golden(name);
    let at = find(&bytes, &[0xff, marker]) + 5;
    bytes[at..at + 2].copy_from_slice(&height.to_be_bytes());
    bytes[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A TIFF with another number in one tag of its directory.
fn tiff(tag: u16, value: u32) -> Vec<u8> {
    let mut bytes = golden("rgb.tiff");
    assert_eq!(&bytes[..2], b"II");
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = u16::from_le_bytes(bytes[directory..directory + 2].try_into().unwrap()) as usize;
    let entries = (0..count).map(|entry| directory + 2 + 12 * entry);
    let at = entries.into_iter().find(|at| bytes[*at..at + 2] == tag.to_le_bytes()).unwrap();
    // One LONG.
    bytes[at + 2..at + 8].copy_from_slice(&[4, 0, 1, 0, 0, 0]);
    bytes[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// The most address space this process ever had; memory asked for and never touched counts.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmPeak:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn too_many_pixels_are_refused_by_the_header() {
    let limits = Limits::default();
    let bombs = [
        ("png", png(100_000, 100_000, &[], &zeros(1000))),
        ("jpeg", jpeg("rgb.jpg", 0xc0, 65_535, 65_535)),
        ("progressive jpeg", jpeg("formats/progressive.jpg", 0xc2, 65_535, 65_535)),
        ("gif", patched("animated.gif", 6, &[0xff; 4])),
        ("bmp", patched("rgb.bmp", 18, &[0, 0xff, 0, 0, 0, 0xff, 0, 0])),
        // The canvas: 24 bits of width - 1, 24 of height - 1.
        (
            "webp",
            patched(
                "animated.webp",
                find(&golden("animated.webp"), b"VP8X") + 12,
                &[255, 255, 0, 255, 255, 0],
            ),
        ),
        ("tiff", tiff(256, 100_000_000)),
        ("graymap", b"P5 100000 100000 255\n".to_vec()),
        ("qoi", patched("formats/rgb.qoi", 4, &[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0])),
    ];
    for (name, bytes) in bombs {
        let error = decode(&bytes, 3, &limits).unwrap_err();
        let refused = matches!(error, ImageError::TooLarge { what: "pixels", limit: 100_000_000, .. });
        // These decoders have limits of their own, on the header too.
        let theirs = match name {
            "webp" => error.to_string().contains("large"),
            "qoi" => error.to_string().contains("dimensions: 100000x100000"),
            _ => false,
        };
        assert!(refused || theirs, "{name}: {error}");
    }
}

#[test]
fn a_decoder_that_breaks_down_is_an_error() {
    // Found by fuzzing: a PNG of 4-bit palette indices, whose palette has 49 bytes and some transparency.
    let extra = [png_chunk(b"PLTE", &[7; 49]), png_chunk(b"tRNS", &[1, 2])].concat();
    let mut bytes = png(16, 12, &extra, &zeros(1000));
    let header = png_chunk(b"IHDR", &[&bytes[16..24], &[4, 3, 0, 0, 0]].concat());
    bytes[8..8 + header.len()].copy_from_slice(&header);
    let error = decode(&bytes, 3, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("its decoder broke down: range end index"), "{error}");
}

#[test]
fn memory_stays_within_the_limits() {
    let limits = Limits { max_allocation: 32 * MIB, ..Limits::default() };
    let whole_profile = [b"name\0\0".to_vec(), zeros(64 << 20)].concat();
    let text = [b"Comment\0\0".to_vec(), zeros(64 << 20)].concat();
    let plain = zeros(258);
    let bombs = [
        ("png", png(9000, 9000, &[], &zeros(1000))),
        ("png, small buffer", png(5000, 5000, &[], &zeros(1000))),
        ("png profile", png(3, 4, &png_chunk(b"iCCP", &whole_profile), &plain)),
        ("png text", png(3, 4, &png_chunk(b"zTXt", &text), &plain)),
        ("png stream", png(3, 4, &[], &zeros(64 << 20))),
        ("jpeg", jpeg("rgb.jpg", 0xc0, 9000, 9000)),
        ("jpeg, small buffer", jpeg("rgb.jpg", 0xc0, 3000, 3000)),
        ("progressive jpeg", jpeg("formats/progressive.jpg", 0xc2, 3000, 3000)),
        ("gif", patched("animated.gif", 6, &[0x28, 0x23, 0x28, 0x23])),
        ("bmp", patched("rgb.bmp", 18, &[0x28, 0x23, 0, 0, 0x28, 0x23, 0, 0])),
        ("tiff width", tiff(256, 1_000_000)),
        ("tiff rows in a strip", tiff(278, 0xffff_fff0)),
        ("tiff bytes in a strip", tiff(279, 0xffff_fff0)),
        ("tiff strip's place", tiff(273, 0xffff_fff0)),
    ];
    // The allocator's own reserve, once.
    decode(&golden("rgb.tiff"), 3, &limits).unwrap();
    for (name, bytes) in bombs {
        let before = peak();
        // Some decode all the same: what is too large is not looked at.
        let _ = decode(&bytes, 3, &limits);
        let spent = peak() - before;
        // Buffers that grow have an old and a new half.
        assert!(spent <= 2 * limits.max_allocation, "{name}: {} MiB", spent / MIB);
    }
}

#[test]
fn a_header_that_its_data_cannot_fill_is_refused() {
    let limits = Limits::default();
    for bytes in [
        png(10_000, 10_000, &[], &zeros(1000)),
        jpeg("rgb.jpg", 0xc0, 10_000, 10_000),
        jpeg("formats/progressive.jpg", 0xc2, 10_000, 10_000),
    ] {
        let error = decode(&bytes, 3, &limits).unwrap_err().to_string();
        let promise = "the header promises 10000 x 10000 pixels (width x height), more than";
        assert!(error.contains(promise), "{error}");
    }
}

#[test]
fn limits_are_read_from_text() {
    let limits: Limits = serde_json::from_str(r#"{"max_pixels": 191}"#).unwrap();
    assert_eq!(limits, Limits { max_pixels: 191, ..Limits::default() });
    let error = decode(&golden("rgb.jpg"), 3, &limits).unwrap_err();
    assert_eq!(error, ImageError::TooLarge { what: "pixels", found: 192, limit: 191 });
}
