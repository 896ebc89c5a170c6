//! HTML that can only be had escaped: names of elements and attributes are ours, every text is not.

/// A piece of a page.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

/// Attributes of an element. An address (`href`, `action`) begins with a `/` of ours,
/// but for the one that a person allowed their browser to go to.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// The finished text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// A text, as it is read.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                letter => self.0.push(letter),
            }
        }
        self
    }

    /// An element with what is written into it.
    pub(crate) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.void(name, attributes);
        inside(self);
        for part in ["</", name, ">"] {
            self.0.push_str(part);
        }
        self
    }

    /// An element around a text.
    pub(crate) fn leaf(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        text: &str,
    ) -> &mut Self {
        self.element(name, attributes, |inside| {
            inside.text(text);
        })
    }

    /// An element that has no inside, such as `input`.
    pub(crate) fn void(&mut self, name: &'static str, attributes: Attributes<'_>) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    /// The first line of every page.
    pub(crate) fn document(inside: impl FnOnce(&mut Self)) -> Self {
        let mut html = Self("<!doctype html>\n".to_owned());
        html.element("html", &[("lang", "en")], inside);
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_an_element() {
        let hostile = r#"</p><script>alert(1)</script>" onclick='x' &amp;"#;
        let mut html = Html::default();
        html.element("p", &[("title", hostile)], |inside| {
            inside.text(hostile).void("input", &[("value", "a\"b")]);
        });
        let text = html.into_text();
        let escaped = "&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; \
                       onclick=&#39;x&#39; &amp;amp;";
        let expect = format!("<p title=\"{escaped}\">{escaped}<input value=\"a&quot;b\"></p>");
        assert_eq!(text, expect);
    }
}
