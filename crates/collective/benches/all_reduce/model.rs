//! What the measured costs mean for many hosts: a model on paper, printed as the tables of the crate's README.

/// What two processes measured.
pub struct Costs {
    /// Seconds for a message to come around, however short it is.
    pub message: f64,
    /// Seconds for a byte to be sent while another is received and summed, by one thread: in float32 and in float16, where
    /// numbers are converted too.
    pub bytes: [f64; 2],
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
    /// Seconds that hosts need to sum so many values, over links of so many bits a second.
    fn all_reduce(&self, hosts: f64, values: f64, wire: usize, link: f64) -> f64 {
        let bytes = values * [4.0, 2.0][wire];
        let steps = 2.0 * (hosts - 1.0);
        let inside = 2.0 * (GPUS - 1.0) / GPUS * bytes / INSIDE;
        inside + steps * self.message + steps / hosts * bytes * self.bytes[wire].max(8.0 / link)
    }
}

/// A table of milliseconds and of the share of ideal speed.
pub fn print(costs: &Costs) {
    let [single, half] = costs.bytes.map(|byte| byte * 1e9);
    println!(
        "\ncosts: {:.0} us a message, {single:.2} ns a byte, {half:.2} in float16\n",
        costs.message * 1e6
    );
    println!("| network | wire | link | 1 host | 2 | 4 | 8 | 16 hosts |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let free = Costs { message: costs.message, bytes: [0.0; 2] };
    for Network { name, values, step } in NETWORKS {
        for (wire, format) in ["f32", "f16"].into_iter().enumerate() {
            for (link, costs) in
                [("25 or 100 Gb/s, this thread", costs), ("25 Gb/s alone", &free), ("100 Gb/s alone", &free)]
            {
                let rate = if link.starts_with("25") { 25e9 } else { 100e9 };
                let cell = |hosts| {
                    let time = costs.all_reduce(hosts, values, wire, rate);
                    format!("{:.0} ms, {:.0} %", time * 1e3, 100.0 * step / (step + time))
                };
                let cells = [1.0, 2.0, 4.0, 8.0, 16.0].map(cell).join(" | ");
                println!("| {name} | {format} | {link} | {cells} |");
            }
        }
    }
}
