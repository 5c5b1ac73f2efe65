//! Redis over loopback, from a client as thin as one can be: requests are written, answers are read.

use crate::Outcome;
use crate::rows::{self, Key, ROW_BYTES};
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server of our own, that keeps nothing on disk and ends with us.
pub struct Redis {
    _server: Server,
    answers: BufReader<TcpStream>,
    request: Vec<u8>,
    row: Vec<u8>,
}

impl Redis {
    /// None where it is not installed.
    pub fn start(dir: &Path) -> Outcome<Option<Redis>> {
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .current_dir(dir)
            .stdout(Stdio::null())
            .spawn();
        let server = match server {
            Ok(server) => server,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let server = Server(server);
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(25));
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_nodelay(true)?;
                return Ok(Some(Redis {
                    _server: server,
                    answers: BufReader::new(stream),
                    request: Vec::new(),
                    row: Vec::new(),
                }));
            }
        }
        Err("redis-server does not answer".into())
    }

    pub fn load(&mut self, rows: &[(Key, [u8; ROW_BYTES])]) -> Outcome {
        for chunk in rows.chunks(1_000) {
            self.request.clear();
            for (key, row) in chunk {
                command(&mut self.request, &[b"SET", key, row]);
            }
            self.send()?;
            for _ in chunk {
                self.line()?;
            }
        }
        Ok(())
    }

    pub fn get(&mut self, key: &Key) -> Outcome<f64> {
        self.request.clear();
        command(&mut self.request, &[b"GET", key]);
        self.send()?;
        self.value()
    }

    /// The sum over all keys.
    pub fn get_many(&mut self, keys: &[Key]) -> Outcome<f64> {
        self.request.clear();
        let words: Vec<&[u8]> = std::iter::once(&b"MGET"[..])
            .chain(keys.iter().map(|key| &key[..]))
            .collect();
        command(&mut self.request, &words);
        self.send()?;
        self.line()?;
        let mut sum = 0.0;
        for _ in keys {
            sum += self.value()?;
        }
        Ok(sum)
    }

    fn send(&mut self) -> Outcome {
        Ok(self.answers.get_mut().write_all(&self.request)?)
    }

    fn line(&mut self) -> Outcome<i64> {
        self.row.clear();
        std::io::BufRead::read_until(&mut self.answers, b'\n', &mut self.row)?;
        let text = std::str::from_utf8(&self.row)?.trim_end();
        match text.as_bytes().first() {
            Some(b'$' | b'*') => Ok(text[1..].parse()?),
            Some(b'+') => Ok(0),
            _ => Err(format!("redis-server says {text:?}").into()),
        }
    }

    fn value(&mut self) -> Outcome<f64> {
        let bytes = usize::try_from(self.line()?)?;
        self.row.resize(bytes + 2, 0);
        self.answers.read_exact(&mut self.row)?;
        Ok(rows::read(&self.row))
    }
}

/// Ends when it is dropped, whatever went wrong before.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(into: &mut Vec<u8>, words: &[&[u8]]) {
    into.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        into.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}
