//! One connection to a server that asks for one page after the other, and sends forms or JSON.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use memchr::memmem;

use crate::PATIENCE;
use crate::cluster::Error;

/// A connection with somebody's cookie.
pub struct Browser {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    cookie: String,
    /// The token of its forms, once it was asked for.
    token: String,
}

impl Browser {
    /// Connects.
    pub fn open(address: SocketAddr, cookie: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            address,
            cookie: cookie.to_owned(),
            token: String::new(),
        })
    }

    /// A page.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, Error> {
        self.ask(&format!("GET {path} HTTP/1.1"), "", "")
    }

    /// Sends a form, whose fields are encoded already.
    pub fn post(&mut self, path: &str, fields: &str) -> Result<(), Error> {
        if self.token.is_empty() {
            // The signature in the cookie of forms goes with it.
            let page = self.get("/chat/")?;
            let begin = memmem::find(&page, b"name=\"csrf_token\" value=\"").ok_or("a page without a token")? + 25;
            let token = page[begin..].split(|byte| *byte == b'"').next();
            self.token = String::from_utf8(token.unwrap_or_default().to_vec())?;
        }
        let headers = format!(
            "Origin: http://{}\r\nX-CSRF-Token: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            self.address, self.token
        );
        self.ask(&format!("POST {path} HTTP/1.1"), &headers, fields).map(drop)
    }

    /// Sends JSON, as a program.
    pub fn post_json(&mut self, path: &str, json: &str) -> Result<Vec<u8>, Error> {
        let first = format!("POST {path} HTTP/1.1");
        self.ask(&first, "Content-Type: application/json\r\n", json)
    }

    fn ask(&mut self, first: &str, headers: &str, body: &str) -> Result<Vec<u8>, Error> {
        let Self { address, cookie, .. } = self;
        let length = body.len();
        let request = format!(
            "{first}\r\nHost: {address}\r\nCookie: {cookie}\r\nHX-Request: true\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length, mut status) = (String::new(), None, String::new());
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the server hung up".into());
            }
            if status.is_empty() {
                status.push_str(line.trim_end());
            }
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse()?);
            }
            if name.eq_ignore_ascii_case("set-cookie")
                && let Some((cookie, _)) = value.trim().split_once(';')
            {
                self.cookie = format!("{}; {cookie}", self.cookie);
            }
        }
        // An answer without content says nothing of its length.
        let mut page = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut page)?;
        if !status.contains(" 200 ") && !status.contains(" 204 ") {
            return Err(format!("{first}: {status}").into());
        }
        Ok(page)
    }
}
