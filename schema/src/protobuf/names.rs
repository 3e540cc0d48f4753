//! Names that follow from others: JSON names of fields, and those of the entry messages of maps.

/// The JSON name that protoc derives: underscores removed, the letter after each in upper case.
pub(super) fn default_json_name(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        if character == '_' {
            upper = true;
        } else {
            result.push(if upper { character.to_ascii_uppercase() } else { character });
            upper = false;
        }
    }
    result
}

/// The name of the entry message of a map field, as protoc makes it.
pub(super) fn compiled_entry_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + 5);
    let mut upper = true;
    for character in field.chars() {
        if character == '_' {
            upper = true;
        } else {
            name.push(if upper { character.to_ascii_uppercase() } else { character });
            upper = false;
        }
    }
    name + "Entry"
}

/// The name of the entry message of a map field. Confluent capitalises only names that have an underscore.
pub(super) fn map_entry_name(field: &str) -> String {
    if !field.contains('_') {
        return format!("{field}Entry");
    }
    let mut name = String::with_capacity(field.len() + 5);
    for part in field.split('_') {
        let mut characters = part.chars();
        name.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(characters.map(|character| character.to_ascii_lowercase()));
    }
    name + "Entry"
}
