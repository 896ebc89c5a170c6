//! Text that gives orders to a model instead of telling it something.
//!
//! Only *strong* signatures: sentences and marks that honest tools do not use
//! (none of them is in the definitions of 913 tools of 51 real servers). They are
//! looked for in the folded text, so that neither case, spaces, look-alikes nor
//! characters without width hide them. A filter that finds no keyword is the
//! usual end; the expressions run in linear time on what is left.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::Regex;

use super::fold::fold;

/// What an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instruction {
    /// What was said before does not count any more.
    Override,
    /// The person is not to know.
    Concealment,
    /// A tag that claims importance or authority.
    Tag,
    /// The marks that a model's own turns are written with.
    Turn,
    /// The model is to be somebody else, or to show what it was told.
    Role,
}

impl Instruction {
    /// As it stands in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Concealment => "concealment",
            Self::Tag => "importance-tag",
            Self::Turn => "turn-marker",
            Self::Role => "role-change",
        }
    }
}

/// A signature: the keywords of which one is in whatever it matches, and words with
/// one space where anything but a letter may stand, or nothing. `(a|b)`, `?` and `*`
/// are as in expressions.
type Signature = (Instruction, &'static [&'static str], &'static str);

const FORGET: &[&str] = &["ignore", "disregard", "forget", "overrid", "overrul"];
const SILENCE: &[&str] =
    &["donot", "dont", "never", "mustnot", "mustnt", "shouldnot", "shouldnt", "without"];

const SIGNATURES: &[Signature] = &[
    (
        Instruction::Override,
        FORGET,
        "(ignore|disregard|forget|override|overrule) ((all|any|everything|every|the|your|of|my|these|those|and|other|each) )*(previous|previously given|prior|preceding|above|earlier|foregoing|existing system) ((system|user|safety|security|and|or|given|other|tool|all|any|your|set of|assistant) )*(instruction|prompt|directive|guideline|direction|programming|order)s?",
    ),
    (
        Instruction::Override,
        FORGET,
        "(ignore|disregard|forget|override) ((all|any|everything|of|about) )*your ((previous|prior|system|safety|own|current|original|initial|security|other|and) )*(instruction|prompt|guideline|directive|rules|programming|training|safeguards|restrictions)s?",
    ),
    (
        Instruction::Override,
        FORGET,
        "(ignore|disregard|forget) (all|everything) ((of the|that|you|was|were|i|have|been|which|came|said|the) )*(above|before this|told before|told you|so far and|previously and)",
    ),
    (
        Instruction::Override,
        FORGET,
        "(ignore|disregard) ((the|all|any|every) )*(instructions|directions|directives|prompts?) ((given|provided|that|you|were|in|from|by|the|received|got|have) )*(above|before|earlier|previously|system prompt|the user)",
    ),
    (Instruction::Override, &["newsystem"], "new system (instructions?|prompt|directives?) ?:"),
    (
        Instruction::Concealment,
        SILENCE,
        "(do not|dont|never|must not|mustnt|should not|shouldnt|without) ((ever|directly|explicitly|even|you|also) )*(tell|telling|mention|mentioning|inform|informing|notify|notifying|alert|alerting|reveal|revealing|disclose|disclosing) ((this|that|it|about|anything|any|of|these|to|the fact|steps?) )*(the )?(end )?(user|human|customer)",
    ),
    (
        Instruction::Concealment,
        &["hide", "conceal", "keep"],
        "(hide|conceal|keep) ((this|that|it|these|all|any|of|the|secret|hidden|operation|steps?|action|instructions?) )+from (the )?(end )?(user|human)",
    ),
    (
        Instruction::Concealment,
        &["let"],
        "(do not|dont|never) let (the )?(user|human) (know|see|notice|find out|suspect)",
    ),
    (
        Instruction::Concealment,
        &[
            "usermustn",
            "usershouldn",
            "usermustneve",
            "usershouldneve",
            "humanmustn",
            "humanshouldn",
        ],
        "(user|human) (must not|mustnt|should not|shouldnt|must never|should never) ((be|know|see|notice|find|ever) )+(told|about this|aware|informed|this|of this|out)",
    ),
    (Instruction::Tag, &["important>", "critical>"], "</?(very )?(important|critical)>"),
    (
        Instruction::Tag,
        &[
            "instruction>",
            "instructions>",
            "prompt>",
            "message>",
            "override>",
            "reminder>",
            "directive>",
            "note>",
        ],
        "</?(secret|hidden|system|admin|assistant|priority|override|developer) ?(instructions?|prompt|message|override|reminder|directive|note)>",
    ),
    (
        Instruction::Turn,
        &["<|"],
        "<\\|(im start|im end|im sep|system|user|assistant|end of ?text|begin of text|start header id|end header id|eot id|tool call|tool|channel|message)\\|>",
    ),
    (Instruction::Turn, &["inst]", "sys>>"], "\\[/?inst\\]|<</?sys>>"),
    (
        Instruction::Turn,
        &["##system", "##new", "##instruction"],
        "##(system|system ?prompt|new ?instructions?|instructions? ?to ?(the )?(assistant|model|ai))[:#]",
    ),
    (
        Instruction::Turn,
        &["[system", "[assistant", "[developer"],
        "\\[(system|assistant|developer) ?(message|prompt|override|instructions?|notice)?\\]:?(you|ignore|the user|new|do not|from now)",
    ),
    (
        Instruction::Role,
        &["younow", "youarenow", "yourenow"],
        "you (are|re) now ((in|an?|the|my|called|known as|operating|running|entering) )*(dan|developer mode|debug mode|god mode|admin(istrator)? mode|maintenance mode|unrestricted|jailbroken|free of|freed from|no longer bound|root mode)",
    ),
    (
        Instruction::Role,
        &["systemprompt", "systeminstruction"],
        "(reveal|print|output|repeat|leak|exfiltrate|send|show) ((me|us|out|all|of|the|verbatim|back|full|entire|complete|contents?) )*(your|the) ((full|entire|hidden|secret|original|complete|verbatim|initial) )*system (prompt|instructions)",
    ),
];

struct Signatures {
    /// Every keyword, and for each which signatures it belongs to.
    keywords: Option<AhoCorasick>,
    belongs: Vec<usize>,
    each: Vec<(Instruction, Regex)>,
}

/// A signature that does not compile would find nothing: a test finds each.
static COMPILED: LazyLock<Signatures> = LazyLock::new(|| {
    let each: Vec<_> = SIGNATURES
        .iter()
        .filter_map(|(kind, _, words)| Some((*kind, Regex::new(&expression(words)).ok()?)))
        .collect();
    let numbered = SIGNATURES.iter().enumerate();
    let keywords: Vec<(&str, usize)> = numbered
        .flat_map(|(at, (_, keywords, _))| keywords.iter().map(move |keyword| (*keyword, at)))
        .collect();
    let belongs = keywords.iter().map(|(_, at)| *at).collect();
    let words = keywords.iter().map(|(keyword, _)| keyword);
    let keywords = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(words).ok();
    Signatures { keywords, belongs, each }
});

impl Signatures {
    /// Which signatures may match, by their place in the list.
    fn candidates(&self, folded: &[u8]) -> BTreeSet<usize> {
        match &self.keywords {
            Some(keywords) => keywords
                .find_overlapping_iter(folded)
                .filter_map(|hit| self.belongs.get(hit.pattern().as_usize()).copied())
                .collect(),
            None => (0..self.each.len()).collect(),
        }
    }
}

/// A signature as an expression on folded text: a space is any run of marks, or of
/// tags that only change how a word looks.
fn expression(words: &str) -> String {
    let between = "(?:[^a-z]|</?(?:b|i|u|p|em|br|span|strong|code)>)*";
    format!("(?-u){}", words.replace(' ', between))
}

/// The orders in a text, each with the bytes that it is made of.
pub fn instructions(text: &str) -> Vec<(Instruction, Range<usize>)> {
    let mut folded = Vec::with_capacity(text.len());
    if text.is_ascii() {
        folded.extend(text.bytes().filter_map(|byte| fold(char::from(byte))));
    } else {
        folded.extend(text.chars().filter_map(fold));
    }
    let mut found = Vec::new();
    for candidate in COMPILED.candidates(&folded) {
        let Some((kind, signature)) = COMPILED.each.get(candidate) else { continue };
        found.extend(signature.find_iter(&folded).map(|hit| (*kind, hit.range())));
    }
    if !found.is_empty() {
        unfold(text, &mut found);
        found.retain(|(kind, range)| meant(*kind, text.get(range.clone()).unwrap_or_default()));
    }
    found
}

/// `[Inst]` is a name in a program, `[INST]` begins a turn.
fn meant(kind: Instruction, found: &str) -> bool {
    kind != Instruction::Turn || !found.is_ascii() || !found.contains("nst]")
}

/// Turns ranges of folded text into ranges of the text itself.
fn unfold(text: &str, found: &mut [(Instruction, Range<usize>)]) {
    let counted: Vec<(usize, usize)> = text
        .char_indices()
        .filter(|(_, letter)| fold(*letter).is_some())
        .map(|(at, letter)| (at, at + letter.len_utf8()))
        .collect();
    for (_, range) in found.iter_mut() {
        let start = counted.get(range.start).map_or(0, |(start, _)| *start);
        let last = range.end.saturating_sub(1);
        let end = counted.get(last).map_or(text.len(), |(_, end)| *end);
        *range = start..end.max(start);
    }
    found.sort_by_key(|(_, range)| (range.start, range.end));
}
