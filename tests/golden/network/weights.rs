// The deterministic weights and inputs of this folder's golden figures; README.md has the rules.
// Shared by the tests of `model` and `train` with `#[path]`, so that neither crate ships it.

use std::collections::BTreeMap;

use brazier_model::parameters::{self, Kind};
use brazier_model::{Architecture, Layout, ResNet};
use burn::tensor::Device;

/// splitmix64 whose state starts as the FNV-1a hash of a name.
pub struct Stream(u64);

impl Stream {
    pub fn named(name: &str) -> Self {
        let fnv1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Stream(name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv1a))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 40) as f64 / f64::from(1 << 24)
    }
}

fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan_in: usize = shape[1..].iter().product();
    let rule = |u: f64| match name {
        "bn_data_moving_mean" => 100.0 + 50.0 * u,
        "bn_data_moving_var" => 3000.0 + 2000.0 * u,
        _ if name.ends_with("_weight") => (2.0 * u - 1.0) * 3f64.sqrt() * (2.0 / fan_in as f64).sqrt(),
        _ if name.ends_with("_gamma") => 0.75 + 0.5 * u,
        _ if name.ends_with("_moving_var") => 0.5 + u,
        _ => (u - 0.5) * 0.2,
    };
    let mut stream = Stream::named(name);
    (0..shape.iter().product()).map(|_| rule(stream.unit()) as f32).collect()
}

/// The network of `layout` with the golden weights.
pub fn network(layout: &Layout, device: &Device) -> ResNet {
    let network = ResNet::new(layout, device);
    let mut arrays = BTreeMap::new();
    for parameter in parameters::export(&network, &layout.head) {
        let prefix = if parameter.kind == Kind::Learned { "arg" } else { "aux" };
        // Torchvision leaves the image's normalisation to its caller; ours is that of its presets.
        let is_own = layout.architecture == Architecture::V15 && parameter.name.starts_with("bn_data");
        let values = match is_own {
            true => parameter.values,
            false => values(&parameter.name, &parameter.shape),
        };
        arrays.insert(format!("{prefix}:{}", parameter.name), (parameter.shape, values));
    }
    parameters::import(network, &layout.head, arrays, "golden").unwrap()
}

/// `n` images of channels, height and width: the golden pixels, reordered to channels last.
pub fn pixels(n: usize, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let mut stream = Stream::named("data");
    let planes: Vec<u8> = (0..n * channels * height * width).map(|_| (256.0 * stream.unit()) as u8).collect();
    let area = height * width;
    let image = |i: usize| {
        let planes = &planes[i * channels * area..];
        (0..area).flat_map(move |at| (0..channels).map(move |c| planes[c * area + at]))
    };
    (0..n).flat_map(image).collect()
}
