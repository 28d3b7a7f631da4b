//! A channel of one file, of whatever name and content: records, list, manifest, MNIST's files or nothing known. What opens
//! can be read sample by sample; with damage left out at least as much opens as without.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use brazier_data::{Access, ChannelFiles, Damage, Options, open};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] =
    ["data", "data.rec", "data.lst", "data.manifest", "train-images-idx3-ubyte", "classes.txt"];

fuzz_target!(|bytes: &[u8]| {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("brazier-fuzz-{}", std::process::id()));
        fs::create_dir_all(folder.join("train/a")).unwrap();
        // Something for lists and manifests to name, and labels for images.
        fs::write(folder.join("train/a/1.png"), [1]).unwrap();
        fs::write(folder.join("train/train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
        folder
    });
    let [name, bytes @ ..] = bytes else { return };
    let path = folder.join("train").join(NAMES[*name as usize % NAMES.len()]);
    fs::write(&path, bytes).unwrap();
    let files = ChannelFiles { name: "train".into(), directory: folder.join("train"), list_directory: None };
    let mut samples = Vec::new();
    for (damage, access) in
        [(Damage::Fail, Access::Mapped), (Damage::Fail, Access::Positioned), (Damage::Skip, Access::Mapped)]
    {
        let opened = open(&files, &Options { damage, access, ..Options::default() });
        samples.push(opened.map_or(0, |dataset| {
            for index in 0..dataset.source.len() {
                dataset.source.origin(index).unwrap();
                if let Ok(sample) = dataset.source.read(index) {
                    let bits =
                        |labels: &[f32]| labels.iter().map(|label| label.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&dataset.source.labels(index).unwrap()), bits(&sample.labels));
                }
            }
            dataset.source.len()
        }));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(samples[0], samples[1]);
    assert!(samples[2] >= samples[0]);
});
