//! E-mail addresses, as far as one can tell without writing to them.

/// Longest address, in characters.
const MAX: usize = 320;

/// The address in the form in which it is stored and compared, in lower case; `None` for what is none.
pub fn normalised(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.rsplit_once('@')?;
    let is_sound = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_domain = is_sound(domain) && !domain.starts_with('.') && !domain.ends_with('.') && !domain.contains("..");
    (address.chars().count() <= MAX && is_sound(local) && !local.contains('@') && is_domain).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(normalised(" Ada.Lovelace+x@Example.ORG ").as_deref(), Some("ada.lovelace+x@example.org"));
        assert_eq!(normalised("dev@flagstone.localhost").as_deref(), Some("dev@flagstone.localhost"));
        assert_eq!(normalised("root@localhost").as_deref(), Some("root@localhost"));
        assert_eq!(normalised("ü@bücher.example").as_deref(), Some("ü@bücher.example"));
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("{}@example.org", "a".repeat(310));
        for text in
            ["", "ada", "@example.org", "ada@", "a@b@c", "a b@c", "a\0@b", "a@b\n.c", "a@.b", "a@b.", "a@b..c", &long]
        {
            assert_eq!(normalised(text), None, "{text:?}");
        }
    }
}
