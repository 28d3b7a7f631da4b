//! Hosts as network namespaces, each with a cable to a switch.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Slow networks need a quiet machine, and names of devices are few.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Network {
    /// Distinguishes this network's namespaces and devices.
    id: String,
    pub hosts: usize,
    /// How the others call the host of rank 0.
    pub master: String,
    ranks: Vec<Child>,
    cable: Option<Child>,
    folder: tempfile::TempDir,
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("ip cannot be run: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("ip {arguments}: {told}")) }
}

impl Network {
    /// So many hosts and a switch, or `None`, and the reason is printed.
    pub fn new(hosts: usize) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{:x}{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (master, folder) = ("10.77.0.1".to_owned(), tempfile::tempdir().unwrap());
        let network = Self { id, hosts, master, ranks: Vec::new(), cable: None, folder };
        if let Err(why) = network.build() {
            eprintln!("skipped, there are no network namespaces here: {why}");
            return None;
        }
        Some(network)
    }

    fn host(&self, rank: usize) -> String {
        format!("h{}-{rank}", self.id)
    }

    fn switch(&self) -> String {
        format!("s{}", self.id)
    }

    fn build(&self) -> Result<(), String> {
        let switch = self.switch();
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link add br0 type bridge"))?;
        ip(&format!("-n {switch} link set br0 up"))?;
        for rank in 0..self.hosts {
            let host = self.host(rank);
            ip(&format!("netns add {host}"))?;
            ip(&format!("-n {host} link set lo up"))?;
            ip(&format!("-n {switch} link add port{rank} type veth peer name eth0 netns {host}"))?;
            self.plug_in(rank, "eth0", &format!("port{rank}"))?;
        }
        Ok(())
    }

    /// Gives a host's device its address, and puts the other end of the cable into the switch.
    fn plug_in(&self, rank: usize, device: &str, port: &str) -> Result<(), String> {
        let (host, switch) = (self.host(rank), self.switch());
        ip(&format!("-n {host} address add 10.77.0.{}/24 dev {device}", rank + 1))?;
        ip(&format!("-n {host} link set {device} up"))?;
        ip(&format!("-n {switch} link set {port} master br0"))?;
        ip(&format!("-n {switch} link set {port} up"))
    }

    /// Gives a host another cable: delay in ms, loss in percent, rate in Mbit/s. False, and the reason is printed, if it
    /// cannot be had.
    pub fn slow_down(&mut self, rank: usize, delay: u32, loss: u32, rate: u32) -> bool {
        let (near, far) = (format!("n{}", self.id), format!("f{}", self.id));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../collective/tests/hosts/slow_link.py");
        let mut command = Command::new("python3");
        command.arg(script).args([&near, &far]).args([delay, loss, rate].map(|number| number.to_string()));
        let Ok(mut cable) = command.stdout(Stdio::piped()).spawn() else {
            eprintln!("skipped, there is no python3 for a slow link");
            return false;
        };
        let mut line = String::new();
        BufReader::new(cable.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.cable = Some(cable);
        if line != "ready\n" {
            eprintln!("skipped, there are no TAP devices for a slow link here");
            return false;
        }
        let (host, switch) = (self.host(rank), self.switch());
        ip(&format!("-n {host} link del eth0")).unwrap();
        ip(&format!("link set {near} netns {host}")).unwrap();
        ip(&format!("link set {far} netns {switch}")).unwrap();
        self.plug_in(rank, &near, &far).unwrap();
        true
    }

    /// Pulls a host's cable: nothing passes, and nobody is told.
    pub fn cut(&self, rank: usize) {
        ip(&format!("-n {} link set port{rank} down", self.switch())).unwrap();
    }

    /// Starts a program on every host: `give` adds its name, arguments and variables to what runs it there. What it says goes to files.
    pub fn start(&mut self, give: impl Fn(usize, &mut Command)) {
        self.ranks.clear();
        for rank in 0..self.hosts {
            fs::create_dir_all(self.names(rank).parent().unwrap()).unwrap();
            if !self.names(rank).exists() {
                fs::write(self.names(rank), "127.0.0.1 localhost\n").unwrap();
            }
            let file = |kind: &str| File::create(self.folder.path().join(format!("{rank}.{kind}"))).unwrap();
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &self.host(rank)]);
            command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
            give(rank, &mut command);
            self.ranks.push(command.spawn().unwrap());
        }
    }

    /// What `ip netns exec` shows a host's programs as /etc/hosts.
    fn names(&self, rank: usize) -> PathBuf {
        PathBuf::from(format!("/etc/netns/{}/hosts", self.host(rank)))
    }

    /// From now on every host knows the first one by this name.
    pub fn name_master(&self, name: &str) {
        for rank in 0..self.hosts {
            fs::write(self.names(rank), format!("127.0.0.1 localhost\n10.77.0.1 {name}\n")).unwrap();
        }
    }

    /// Every host knows every other as `PREFIX-1`, `PREFIX-2` and so on.
    pub fn name_all(&self, prefix: &str) {
        let line = |host: usize| format!("10.77.0.{host} {prefix}-{host}\n");
        let names: String = (1..=self.hosts).map(line).collect();
        for rank in 0..self.hosts {
            fs::create_dir_all(self.names(rank).parent().unwrap()).unwrap();
            fs::write(self.names(rank), format!("127.0.0.1 localhost\n{names}")).unwrap();
        }
    }

    /// What a rank has said so far.
    pub fn output(&self, rank: usize) -> String {
        fs::read_to_string(self.folder.path().join(format!("{rank}.out"))).unwrap()
    }

    /// Puts a host's cable back.
    pub fn mend(&self, rank: usize) {
        ip(&format!("-n {} link set port{rank} up", self.switch())).unwrap();
    }

    /// The process on a host.
    pub fn process(&self, rank: usize) -> u32 {
        self.ranks[rank].id()
    }

    pub fn error(&self, rank: usize) -> String {
        fs::read_to_string(self.folder.path().join(format!("{rank}.err"))).unwrap()
    }

    /// Waits until a rank has printed so many lines.
    pub fn reach(&self, rank: usize, lines: usize) {
        let start = Instant::now();
        let output = || fs::read_to_string(self.folder.path().join(format!("{rank}.out"))).unwrap();
        while output().lines().count() < lines {
            assert!(start.elapsed() < Duration::from_secs(100), "rank {rank}: {}", self.error(rank));
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn kill(&mut self, rank: usize) {
        self.ranks[rank].kill().unwrap();
    }

    /// A rank's exit code, once it has ended.
    pub fn wait(&mut self, rank: usize) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ranks[rank].try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < Duration::from_secs(200), "rank {rank} still runs");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.ranks.iter_mut().chain(&mut self.cable) {
            let _ = child.kill();
            let _ = child.wait();
        }
        for rank in 0..self.hosts {
            let host = self.host(rank);
            let _ = fs::remove_dir_all(format!("/etc/netns/{host}"));
            let _ = ip(&format!("netns del {host}"));
        }
        let _ = ip(&format!("netns del {}", self.switch()));
    }
}
