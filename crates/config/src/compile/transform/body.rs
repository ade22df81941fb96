//! Changes to JSON bodies: steps and templates.

use engine::transform::{
    Absent, BodyChange, BodyEdit, JsonEdits, JsonFault, JsonTemplate, OnUnreadable, Pointer, Scope, Step,
};

use super::Desk;
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw;

pub(super) fn compile(raw: &raw::BodyChange, at: &str, scope: &Scope<'_>, desk: &mut Desk<'_>) -> Option<BodyEdit> {
    let scope = &Scope { body: true, ..*scope };
    let change = match (&raw.edits, &raw.template) {
        (Some(steps), _) => {
            if raw.absent.is_some() {
                let help = "write `absent` in each step that needs it";
                desk.error(
                    Code::Transform,
                    &format!("{at}/absent"),
                    "`absent` beside `edits` belongs to no step",
                    help,
                );
            }
            BodyChange::Edits(edits(steps, &format!("{at}/edits"), scope, desk)?)
        }
        (None, Some(raw::AnyJson(template))) => {
            let absent = absent(raw.absent.as_ref().unwrap_or(&raw::Absent::Omit));
            // A text is JSON that is written as such; anything else is meant as it stands.
            let text = template.as_str().map_or_else(|| template.to_string(), str::to_owned);
            BodyChange::Template { body: json(&text, &format!("{at}/template"), scope, desk)?, absent }
        }
        (None, None) => return None,
    };
    Some(BodyEdit {
        change,
        bytes_max: usize::try_from(raw.bytes_max.bytes()).unwrap_or(usize::MAX),
        on_unreadable: match raw.on_unreadable {
            raw::OnUnreadable::Refuse => OnUnreadable::Refuse,
            raw::OnUnreadable::Pass => OnUnreadable::Pass,
        },
    })
}

pub(super) fn asks_captures(body: &BodyEdit) -> bool {
    match &body.change {
        BodyChange::Edits(edits) => edits.asks_captures(),
        BodyChange::Template { body, absent: _ } => body.asks_captures(),
    }
}

fn absent(raw: &raw::Absent) -> Absent {
    match raw {
        raw::Absent::Omit => Absent::Omit,
        raw::Absent::Refuse => Absent::Refuse,
        raw::Absent::Default(raw::AnyJson(default)) => Absent::Default(default.to_string().into()),
    }
}

fn json(text: &str, at: &str, scope: &Scope<'_>, desk: &mut Desk<'_>) -> Option<JsonTemplate> {
    match JsonTemplate::parse(text, scope) {
        Ok(template) => Some(template),
        Err(fault) => {
            json_fault(&fault, at, desk);
            None
        }
    }
}

fn json_fault(fault: &JsonFault, at: &str, desk: &mut Desk<'_>) {
    let place = desk.place_of_word(at, fault.word());
    desk.push(Diagnostic::error(Code::Transform, place, fault.to_string()).help(fault.help()));
}

fn edits(raw: &[raw::BodyStep], at: &str, scope: &Scope<'_>, desk: &mut Desk<'_>) -> Option<JsonEdits> {
    let steps: Vec<Option<Step>> =
        raw.iter().enumerate().map(|(index, raw)| step(raw, &format!("{at}/{index}"), scope, desk)).collect();
    let steps = steps.into_iter().collect::<Option<Vec<_>>>()?;
    match JsonEdits::new(steps) {
        Ok(edits) => Some(edits),
        Err((index, fault)) => {
            desk.error(Code::Transform, &format!("{at}/{index}"), fault.to_string(), fault.help());
            None
        }
    }
}

fn step(raw: &raw::BodyStep, at: &str, scope: &Scope<'_>, desk: &mut Desk<'_>) -> Option<Step> {
    let raw::BodyStep { set, remove, rename, moved, value, to, absent: _ } = raw;
    let absent = absent(&raw.absent);
    let fits = expect(at, "value", value.is_some(), set.is_some().then_some("set"), desk)
        & expect(at, "to", to.is_some(), rename.as_ref().map(|_| "rename").or(moved.as_ref().map(|_| "move")), desk);
    if !fits {
        return None;
    }
    if let Some(text) = set {
        let at_pointer = pointer(text, &format!("{at}/set"), desk);
        let value = json(&value.as_ref()?.0.to_string(), &format!("{at}/value"), scope, desk);
        return Some(Step::Set { at: at_pointer?, value: value?, absent });
    }
    if let Some(text) = remove {
        if matches!(absent, Absent::Default(_)) {
            let help = "write `absent: refuse`, or leave it out";
            let message = "`remove` has no use for a default";
            desk.error(Code::Transform, &format!("{at}/absent"), message, help);
        }
        return Some(Step::Remove { at: pointer(text, &format!("{at}/remove"), desk)?, absent });
    }
    let to = to.as_ref()?;
    if let Some(text) = rename {
        if to.starts_with('/') {
            let help =
                format!("write the name alone, as in `to: {}`, or `move` to another place", to.trim_matches('/'));
            desk.error(Code::Transform, &format!("{at}/to"), format!("{} is a pointer, not a name", quoted(to)), help);
            return None;
        }
        return Some(Step::Rename {
            at: pointer(text, &format!("{at}/rename"), desk)?,
            to: to.as_str().into(),
            absent,
        });
    }
    let from = pointer(moved.as_ref()?, &format!("{at}/move"), desk);
    let to = pointer(to, &format!("{at}/to"), desk);
    Some(Step::Move { from: from?, to: to?, absent })
}

/// That a key stands beside the one that needs it, and only there.
fn expect(at: &str, key: &str, is_there: bool, needed_by: Option<&str>, desk: &mut Desk<'_>) -> bool {
    match (is_there, needed_by) {
        (false, Some(step)) => {
            let message = format!("`{step}` has no `{key}`");
            desk.error(
                Code::MissingKey,
                at,
                message,
                format!("say {} by `{key}`", if key == "to" { "where to" } else { "what" }),
            );
            false
        }
        (true, None) => {
            desk.error(Code::Transform, &format!("{at}/{key}"), format!("`{key}` has no meaning here"), "remove it");
            false
        }
        (true, Some(_)) | (false, None) => true,
    }
}

fn pointer(text: &str, at: &str, desk: &mut Desk<'_>) -> Option<Pointer> {
    match Pointer::parse(text) {
        Ok(pointer) => Some(pointer),
        Err(fault) => {
            desk.error(Code::Transform, at, format!("{}: {fault}", quoted(text)), fault.help());
            None
        }
    }
}
