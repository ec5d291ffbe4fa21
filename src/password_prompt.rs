//! Asks for a password at the terminal.

use std::io::{BufRead, IsTerminal};

use umbrachat::config::Secret;
use zeroize::Zeroizing;

/// The password: typed without echo at a terminal, else the first line of standard input. The error is a sentence.
pub fn ask() -> Result<Secret, String> {
    let cannot_read = |error: std::io::Error| format!("cannot read the password: {error}");
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let typed = rpassword::prompt_password("Password: ").map(Zeroizing::new);
        return Ok(Secret::new(typed.map_err(cannot_read)?.as_str()));
    }
    let mut line = Zeroizing::new(String::new());
    stdin.lock().read_line(&mut line).map_err(cannot_read)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}
