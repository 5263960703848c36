//! Text, tables and pictures as HTML.

use super::numbers::grouped;
use crate::sizes::human;

/// Escapes text, for content and for attributes in quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A picture as wide as there is room. `shapes` have x in percent and y in pixels. Screen readers read its title
/// and description; `id` is one of its own.
pub(super) fn picture(id: &str, title: &str, description: &str, height: u32, shapes: &str) -> String {
    let (title, description) = (escape(title), escape(description));
    format!(
        "<svg class=\"picture\" id=\"{id}\" width=\"100%\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{title}</title>\
         <desc id=\"{id}-desc\">{description}</desc>{shapes}</svg>\n"
    )
}

/// A part of a picture: its colour, which is a class of the style sheet, and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
}

/// Names the parts of a picture, each with its colour and its amount.
pub(super) fn legend(parts: impl IntoIterator<Item = (Series, String)>) -> String {
    let mut items = String::new();
    for (Series { class, name }, amount) in parts {
        items += &format!(
            "<li><svg class=\"swatch\" width=\"14\" height=\"14\" aria-hidden=\"true\"><rect width=\"14\" \
             height=\"14\" rx=\"3\" class=\"{class}\"/></svg><span>{name}</span> <b>{amount}</b></li>"
        );
    }
    format!("<ul class=\"legend\">{items}</ul>\n")
}

/// A part of the page with a heading.
pub(super) fn section(id: &str, heading: &str, content: &str) -> String {
    format!(
        "<section aria-labelledby=\"{id}-heading\" id=\"{id}\">\n<h2 id=\"{id}-heading\">{heading}</h2>\n\
         {content}</section>\n"
    )
}

/// A table that scrolls by itself where it is too wide. The first cell of a row names it.
pub(super) fn table(caption: &str, headings: &[&str], rows: &[Vec<String>]) -> String {
    let row = |cells: &Vec<String>| {
        let (name, numbers) = cells.split_first().map_or(("", &[][..]), |(name, numbers)| (name.as_str(), numbers));
        let numbers: String = numbers.iter().map(|number| format!("<td>{number}</td>")).collect();
        format!("<tr><th scope=\"row\">{name}</th>{numbers}</tr>\n")
    };
    let head: String = headings.iter().map(|heading| format!("<th scope=\"col\">{heading}</th>")).collect();
    let body: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{body}</tbody></table></div>\n"
    )
}

/// A number of bytes for people, with the exact number to be seen when it is pointed at.
pub(super) fn bytes(number: u64) -> String {
    format!("<span title=\"{} bytes\">{}</span>", grouped(number), human(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("<a href=\"x\" b='&'>\u{e9}"), "&lt;a href=&quot;x&quot; b=&#39;&amp;&#39;&gt;\u{e9}");
    }
}
