//! What the measured costs mean for many hosts: a model on paper, printed as the tables of the crate's README.

/// What two processes measured.
pub struct Costs {
    /// Seconds for a message to come around, however short it is.
    pub message: f64,
    /// Seconds for a byte to be sent while another is received and summed, by one thread.
    pub byte: f64,
}

/// A network and the time that a GPU needs for a step's images.
struct Network {
    name: &'static str,
    /// Values of the bucket.
    values: f64,
    /// Seconds of a step's computation.
    step: f64,
}

/// Assumed: batches of 128 a GPU, 2,800 images/s of ResNet-18 and 1,000 of ResNet-50 on a GPU of the V100's class.
const NETWORKS: [Network; 2] = [
    Network { name: "ResNet-18", values: 11.7e6, step: 128.0 / 2800.0 },
    Network { name: "ResNet-50", values: 25.6e6, step: 128.0 / 1000.0 },
];
/// Assumed: GPUs of a host sum among themselves over NVLink or PCIe at this many bytes a second.
const INSIDE: f64 = 10e9;
const GPUS: f64 = 8.0;

impl Costs {
    /// Seconds that hosts need to sum so many bytes, over links of so many bits a second.
    fn all_reduce(&self, hosts: f64, bytes: f64, link: f64) -> f64 {
        let steps = 2.0 * (hosts - 1.0);
        let inside = 2.0 * (GPUS - 1.0) / GPUS * bytes / INSIDE;
        inside + steps * self.message + steps / hosts * bytes * self.byte.max(8.0 / link)
    }
}

/// Tables of milliseconds and of the share of ideal speed.
pub fn print(costs: &Costs) {
    println!("\ncosts: {:.1} us a message, {:.2} ns a byte\n", costs.message * 1e6, costs.byte * 1e9);
    println!("| network | wire | link | 1 host | 2 | 4 | 8 | 16 hosts |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let wire_only = Costs { message: costs.message, byte: 0.0 };
    for Network { name, values, step } in NETWORKS {
        for (wire, width) in [("f32", 4.0), ("f16", 2.0)] {
            for link in [25e9, 100e9] {
                for (kind, costs) in [("measured", costs), ("wire alone", &wire_only)] {
                    let cell = |hosts| {
                        let time = costs.all_reduce(hosts, values * width, link);
                        format!("{:.1} ms, {:.0} %", time * 1e3, 100.0 * step / (step + time))
                    };
                    let cells = [1.0, 2.0, 4.0, 8.0, 16.0].map(cell).join(" | ");
                    println!("| {name} | {wire} | {:.0} Gb/s, {kind} | {cells} |", link / 1e9);
                }
            }
        }
    }
}
