//! The text form of the master keys: Fernet keys, comma-separated.

use fernet::Fernet;

/// A new master key.
pub fn generate() -> String {
    Fernet::generate_key()
}

/// The keys in `text`; the error is the place, from 1, of the first that is no Fernet key.
pub fn parse(text: &str) -> Result<Vec<Fernet>, usize> {
    let keys = text.split(',').enumerate();
    keys.map(|(index, key)| Fernet::new(key.trim()).ok_or(index + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_keys_are_named_by_their_place() {
        let good = generate();
        let place = |text: &str| parse(text).map(|keys| keys.len());
        assert_eq!(place(&good), Ok(1));
        assert_eq!(place(&format!("{good}, {good}")), Ok(2));
        assert_eq!(place(""), Err(1));
        assert_eq!(place(&format!("{good},nonsense")), Err(2));
    }
}
