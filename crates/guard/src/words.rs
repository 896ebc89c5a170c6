//! Names taken apart: `repoPath`, `repo_path` and `repo-path` are two words, and
//! `readHTTPDelete` is three.

/// The words of a member name, in small letters.
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let ends_acronym = before.is_uppercase()
            && letter.is_uppercase()
            && letters.peek().is_some_and(|next| next.is_lowercase());
        let starts = (letter.is_uppercase() && !before.is_uppercase()) || ends_acronym;
        if (starts || !letter.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_come_apart() {
        let table = [
            ("repoPath", "repo path"),
            ("repo_path", "repo path"),
            ("APIKey", "api key"),
            ("readHTTPDelete", "read http delete"),
            ("git-reset.hard", "git reset hard"),
            ("X-Api-Key", "x api key"),
            ("filepath", "filepath"),
            ("GITHUB_TOKEN", "github token"),
            ("__", ""),
        ];
        for (name, expected) in table {
            assert_eq!(words(name).join(" "), expected);
        }
    }
}
