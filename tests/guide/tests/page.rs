//! A page of the documentation, taken apart into its code blocks.

use kayan_house::root;

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The heading that it stands under and how its first command begins, as in `Migrations: kayan migrate down`: that stays when
    /// other blocks come before it.
    pub(crate) key: String,
    /// The language that it is marked with.
    pub(crate) language: String,
    /// What it says.
    pub(crate) content: String,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// All of it.
    pub(crate) text: String,
    /// Its blocks, in order.
    pub(crate) blocks: Vec<Block>,
}

impl Page {
    /// Reads a page; its path is from the root.
    pub(crate) fn read(path: &str) -> Self {
        Self::of(std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    pub(crate) fn of(text: String) -> Self {
        let mut blocks = Vec::new();
        let mut heading = "";
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(language), None) => {
                    let (key, content) = (heading.to_owned(), String::new());
                    open = Some(Block { key, language: language.trim().to_owned(), content });
                }
                (Some(_), Some(block)) => {
                    let key = format!("{}: {}", block.key, beginning(&block.content));
                    let numbered = format!("{key} (");
                    let same =
                        blocks.iter().filter(|it: &&Block| it.key == key || it.key.starts_with(&numbered)).count();
                    let key = if same == 0 { key } else { format!("{key} ({})", same + 1) };
                    blocks.push(Block { key, ..block });
                }
                (None, Some(block)) => open = Some(Block { content: format!("{}{line}\n", block.content), ..block }),
                (None, None) if line.starts_with('#') => heading = line.trim_start_matches('#').trim(),
                (None, None) => {}
            }
        }
        assert_eq!(open, None, "a block that is not closed");
        Self { text, blocks }
    }
}

/// The words that the first command begins with, up to three, and none after one that holds more than a name.
fn beginning(content: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let command = content.lines().find(|line| !line.is_empty() && !line.starts_with(['#', '-'])).unwrap_or_default();
    let mut words = Vec::new();
    for word in command.split(' ').take(3) {
        let name = word.split(|c| !is_plain(c)).next().unwrap_or_default();
        if name.is_empty() || name.starts_with('-') {
            break;
        }
        words.push(name);
        if name != word {
            break;
        }
    }
    words.join(" ")
}

/// A text without the line breaks that a shell takes out, and with single spaces, because long lines may be broken anywhere.
pub(crate) fn plain(text: &str) -> String {
    text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn blocks_are_named_after_their_heading_and_first_command() {
    let text = "# A\n```sh\n# x\nls b c d\n```\n```sql\nSELECT;\n# 1\n```\n## B\n```sh\nls b c -l\n```\n```sh\nls b c; d\n```\n";
    let page = Page::of(text.to_owned());
    let keys: Vec<_> = page.blocks.iter().map(|block| &*block.key).collect();
    assert_eq!(keys, ["A: ls b c", "A: SELECT", "B: ls b c", "B: ls b c (2)"]);
    assert_eq!((&*page.blocks[1].language, &*page.blocks[1].content), ("sql", "SELECT;\n# 1\n"));
    assert_eq!(beginning("KEY=$(openssl rand)\n"), "KEY");
    assert_eq!(plain("kayan a \\\n  --b\n"), "kayan a --b");
}
