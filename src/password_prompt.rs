//! Asks for a password at the terminal.

use std::io::{BufRead, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use umbrachat::config::Secret;
use zeroize::Zeroizing;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// The password: typed without echo at a terminal, else the first line of standard input. The error is a sentence.
pub fn ask() -> Result<Secret, String> {
    let wrong = |error: std::io::Error| format!("cannot read the password: {error}");
    let stdin = std::io::stdin().lock();
    if !stdin.is_terminal() {
        let mut line = Zeroizing::new(String::new());
        let mut stdin = stdin;
        stdin.read_line(&mut line).map_err(wrong)?;
        return Ok(Secret::new(line.trim_end_matches(['\r', '\n'])));
    }
    let _silent = Silent::new().map_err(|error| wrong(error.into()))?;
    let _ = write!(std::io::stderr(), "Password: ");
    let line = read_line(stdin.bytes()).map_err(wrong)?;
    let line = line.ok_or("the password was not given")?;
    let line = str::from_utf8(&line).map_err(|_| "the password is not readable text (UTF-8)")?;
    Ok(Secret::new(line))
}

/// The terminal without echo, until this is dropped. Ctrl-C is a byte like others meanwhile: as a signal it would end
/// the program before the echo is back, and Ctrl-Z would stop it so.
struct Silent(Termios);

impl Silent {
    fn new() -> rustix::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
        let _ = writeln!(std::io::stderr());
    }
}

/// What was typed up to Enter, edited as a terminal does; None after Ctrl-C, or when the input ends.
fn read_line(input: impl Iterator<Item = std::io::Result<u8>>) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(1024));
    for byte in input {
        match byte? {
            b'\n' | b'\r' => return Ok(Some(line)),
            CTRL_C | CTRL_D => return Ok(None),
            CTRL_U => line.clear(),
            BACKSPACE | DELETE => {
                // A character is its first byte and those that continue it (0b10…).
                while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            byte => line.push(byte),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_until_enter() {
        let typed = |keys: &str| {
            let line = read_line(keys.bytes().map(Ok)).ok().flatten();
            line.map(|line| String::from_utf8(line.to_vec()).unwrap_or_default())
        };
        assert_eq!(typed("seven moons\n"), Some("seven moons".into()));
        assert_eq!(typed("aé\u{7f}b\u{8}\u{8}\u{8}c\n"), Some("c".into()));
        assert_eq!(typed("wrong\u{15}right\r"), Some("right".into()));
        assert_eq!(typed("half\u{3}"), None);
        assert_eq!(typed("half"), None);
    }
}
