//! What is written is read back the same, whatever it is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::params::{Dtype, NdArray, Params};
use brazier_mxnet::recordio::{self, MAGIC, Reader, Writer};
use brazier_mxnet::symbol::{Attributes, Node, Symbol};
use brazier_mxnet::{idx, lst};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes in which magics, aligned and not, and pieces of magics are common.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let magic = MAGIC.to_le_bytes();
    let piece = prop_oneof![
        4 => Just(magic.to_vec()),
        1 => (1_usize..4).prop_map(move |length| magic[..length].to_vec()),
        3 => vec(any::<u8>(), 0..9),
        1 => vec(any::<u8>(), 4..5),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn array() -> impl Strategy<Value = NdArray> {
    let dtype = (0..13).prop_map(|code| Dtype::from_code(code).unwrap());
    (dtype, vec(0_usize..5, 0..5), any::<u8>()).prop_map(|(dtype, shape, fill)| {
        let mut array = NdArray { shape, dtype, data: Vec::new() };
        if array.shape.is_empty() {
            array.dtype = Dtype::F32; // an empty array's type is not in the file
        }
        array.data = vec![fill; array.elements().unwrap() * array.dtype.size()];
        array
    })
}

fn node(index: usize) -> impl Strategy<Value = Node> {
    let edge = (0..index.max(1), 0..2_usize).prop_map(|(node, version)| [node, 0, version]);
    let edges = vec(edge, if index == 0 { 0..1 } else { 0..13 });
    let attrs = proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4);
    (any::<String>(), any::<String>(), attrs, edges).prop_map(|(op, name, attrs, inputs)| Node {
        op,
        name,
        attrs: Attributes::from_iter(attrs),
        inputs,
    })
}

proptest! {
    #[test]
    fn records(payloads in vec(payload(), 0..8)) {
        let mut writer = Writer::new(Vec::new());
        let offsets: Vec<u64> = payloads.iter().map(|payload| writer.write(payload).unwrap()).collect();
        let bytes = writer.into_inner();
        prop_assert_eq!(bytes.len() % 4, 0);
        prop_assert_eq!(&recordio::offsets(&bytes).unwrap(), &offsets);
        let mut reader = Reader::new(bytes.as_slice());
        for (payload, offset) in payloads.iter().zip(offsets) {
            let streamed = reader.next_record().unwrap().unwrap();
            prop_assert_eq!((&streamed.payload, streamed.offset), (payload, offset));
            let (mapped, _) = recordio::record_at(&bytes, offset).unwrap();
            prop_assert_eq!(&mapped.payload, payload);
        }
        prop_assert!(reader.next_record().unwrap().is_none());
    }

    /// A magic at a multiple of four means that a part begins there, which is how a file is split among readers.
    #[test]
    fn aligned_magics_are_part_heads_only(payload in payload()) {
        let mut writer = Writer::new(Vec::new());
        writer.write(&payload).unwrap();
        let inside = payload.chunks_exact(4).filter(|word| *word == MAGIC.to_le_bytes()).count();
        let bytes = writer.into_inner();
        let written = bytes.chunks_exact(4).filter(|word| *word == MAGIC.to_le_bytes()).count();
        prop_assert_eq!(written, inside + 1);
    }

    #[test]
    fn images(labels in vec(-1e6_f32..1e6, 1..6), id: u64, id2: u64, image: Vec<u8>) {
        let flag = if labels.len() == 1 { 0 } else { labels.len() as u32 };
        let record = ImageRecord { flag, label: labels, id, id2, image: &image };
        let payload = record.encode();
        prop_assert_eq!(ImageRecord::parse(&payload).unwrap(), record);
    }

    #[test]
    fn vectors_of_labels(labels in vec(-1e6_f32..1e6, 1..6), id: u64, image: Vec<u8>) {
        let record = ImageRecord::vector(labels, id, &image);
        let payload = record.encode();
        prop_assert_eq!(ImageRecord::parse(&payload).unwrap(), record);
    }

    #[test]
    fn indices(pairs: Vec<(i64, u64)>) {
        let entries: Vec<_> = pairs.into_iter().map(|(key, offset)| idx::Entry { key, offset }).collect();
        let mut bytes = Vec::new();
        idx::write(&entries, &mut bytes).unwrap();
        prop_assert_eq!(idx::parse(&bytes).unwrap(), entries);
    }

    /// Labels with at most six decimals come back; the list format holds no more.
    #[test]
    fn lists(images in vec((any::<i64>(), vec(-9999_i32..9999, 1..4), "[^\\s]([^\t\n]{0,9}[^\\s])?"), 0..8)) {
        let entry = |(index, labels, path): (i64, Vec<i32>, String)| {
            let labels = labels.into_iter().map(|label| label as f32 / 64.0).collect();
            lst::Entry { index, labels, path }
        };
        let entries: Vec<_> = images.into_iter().map(entry).collect();
        let mut bytes = Vec::new();
        lst::write(&entries, &mut bytes).unwrap();
        prop_assert_eq!(lst::parse(&bytes).unwrap(), entries);
    }

    #[test]
    fn params(arrays in vec(array(), 0..6), names in proptest::collection::btree_set(any::<String>(), 6)) {
        let params = Params(names.into_iter().zip(arrays).collect());
        let mut bytes = Vec::new();
        params.write(&mut bytes).unwrap();
        prop_assert_eq!(Params::read(&bytes).unwrap(), params);
    }

    #[test]
    fn symbols(nodes in (1_usize..14).prop_flat_map(|count| (0..count).map(node).collect::<Vec<_>>())) {
        let head = [nodes.len() - 1, 0, 0];
        let symbol = Symbol::new(nodes, vec![head], 10300);
        prop_assert_eq!(Symbol::parse(&symbol.to_json()).unwrap(), symbol);
    }
}
