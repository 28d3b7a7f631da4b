//! s3s-fs on loopback, over a folder whose folders are buckets.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

pub const KEY: &str = "AKIATESTTESTTESTTEST";
pub const SECRET: &str = "secretsecretsecretsecretsecretsecret";

pub struct Server {
    child: Child,
    folder: TempDir,
    pub port: u16,
}

impl Server {
    /// A server with the buckets `data`, `models` and `state`, or `None`, and the reason is printed.
    pub fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("S3_SERVER") else {
            eprintln!("skipped, S3_SERVER names no s3s-fs (cargo install s3s-fs --features binary)");
            return None;
        };
        let folder = TempDir::new().unwrap();
        for bucket in ["data", "models", "state"] {
            fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--access-key", KEY, "--secret-key", SECRET])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { child, folder, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where `bucket/key` is kept.
    pub fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(key)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
