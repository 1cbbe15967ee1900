//! Which languages a client prefers.

/// The languages of an `Accept-Language` header (RFC 9110, section 12.5.4), the most wanted first.
pub(crate) fn wanted(header: &str) -> Vec<&str> {
    let mut wanted: Vec<(f32, &str)> = header
        .split(',')
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().filter(|tag| !tag.is_empty() && *tag != "*")?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse).ok()?;
            (weight > 0.0).then_some((weight, tag))
        })
        .collect();
    wanted.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    wanted.into_iter().map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_read_by_weight_and_nonsense_is_left_out() {
        assert_eq!(wanted("en;q=0.1, de;q=0.8,*;q=0.5, fr;q=0, pt-BR"), ["pt-BR", "de", "en"]);
        assert_eq!(wanted(";;,q=1,,de;q=x"), ["q=1"]);
    }
}
