//! The variables of a workflow, known before any of its templates is read: a reader may stand before the writer.

use super::actions::{Calling, Doing};
use super::scope::{Scope, Var, Writer};
use super::steps::Shop;
use crate::diag::Diagnostic;
use crate::plan::{Merge, VarScope};
use crate::read::steps::{StepDecl, StepHead};
use crate::read::workflows::WorkflowDecl;
use crate::read::{Ctx, Name};

impl<'n> Ctx<'_> {
    pub fn declare_vars(
        &mut self,
        workflow: &WorkflowDecl<'n>,
        scope: &mut Scope<'_, 'n>,
        shop: &Shop<'_, 'n>,
    ) {
        let responses = shop.responses.iter().flat_map(|r| &r.steps.steps);
        for step in workflow.outer().chain(responses) {
            self.declare_step(step, scope, shop);
        }
    }

    fn declare_step(
        &mut self,
        step: &StepDecl<'n>,
        scope: &mut Scope<'_, 'n>,
        shop: &Shop<'_, 'n>,
    ) {
        match &step.head {
            StepHead::Ref(_) | StepHead::Inline(_) => {
                // What is wrong with it is said when it is compiled.
                let said = self.found.len();
                let doing = self.doing(step, shop.actions, shop.components);
                self.found.truncate(said);
                match doing {
                    Some(Doing::Call(calling)) => {
                        self.declare(&calling, scope, shop);
                        let handlers = [calling.on_error, calling.on_timeout];
                        for step in handlers.into_iter().flatten().flat_map(|h| &h.steps) {
                            self.declare_step(step, scope, shop);
                        }
                    }
                    Some(_) => {}
                    None => scope.incomplete = true,
                }
                return;
            }
            StepHead::Loop(decl) => {
                if let Some(bind) = &decl.bind {
                    self.declare_bind(bind, scope);
                }
            }
            _ => {}
        }
        for step in step.inner() {
            self.declare_step(step, scope, shop);
        }
    }

    /// The variable of a loop.
    fn declare_bind(&mut self, name: &Name, scope: &mut Scope<'_, 'n>) {
        match scope.var(&name.value) {
            Some(var) if scope.vars[var].plain => {}
            Some(var) => {
                let first = scope.vars[var].writers.first().map(|w| w.span);
                self.same_name("variable", name, first.unwrap_or(name.span));
            }
            None => scope.declare(Var {
                writers: vec![Writer {
                    action: "loop".into(),
                    span: name.span,
                }],
                plain: true,
                fields: vec!["value".to_owned()],
                scope: VarScope::TaskLocal,
                ..Var::named(&name.value)
            }),
        }
    }

    fn declare(
        &mut self,
        calling: &Calling<'_, 'n>,
        scope: &mut Scope<'_, 'n>,
        shop: &Shop<'_, 'n>,
    ) {
        let Some(save) = &calling.save else { return };
        let section = &shop.components.sections[calling.component];
        scope
            .types
            .saved(&save.var.value, calling.component, section, &calling.call);
        let outputs = section.outputs(&calling.call);
        let extracted = calling
            .extract
            .into_iter()
            .flatten()
            .map(|e| e.name.value.as_str());
        let outputs: Option<Vec<String>> =
            outputs.map(|o| o.into_iter().chain(extracted).map(str::to_owned).collect());
        let writer = Writer {
            action: calling.name.clone(),
            span: save.var.span,
        };
        let Some(index) = scope.var(&save.var.value) else {
            scope.declare(Var {
                writers: vec![writer],
                outputs,
                scope: save.scope,
                merge: save.merge.unwrap_or_default(),
                merge_said: save.merge.is_some(),
                ..Var::named(&save.var.value)
            });
            return;
        };
        let var = &mut scope.vars[index];
        let first = var.writers.first().map_or(save.var.span, |w| w.span);
        if var.plain {
            self.same_name("variable", &save.var, first);
            return;
        }
        let differs = if var.scope != save.scope {
            Some((309, "scope"))
        } else if save.merge.is_some_and(|m| var.merge_said && m != var.merge) {
            Some((409, "merge"))
        } else {
            None
        };
        if let Some((number, key)) = differs {
            let message = format!("`{}` is saved with another `{key}` elsewhere", var.name);
            let found = Diagnostic::error(number, save.var.span, message)
                .label("not the same")
                .also(first, "saved here")
                .help("say the same in both places, or give each a name of its own");
            self.report(found);
        }
        if let Some(merge) = save.merge {
            var.merge = merge;
            var.merge_said = true;
        }
        var.writers.push(writer);
        var.brings(outputs.as_deref());
    }
}

impl Var {
    /// One more writer brings these.
    pub fn brings(&mut self, outputs: Option<&[String]>) {
        if let (Some(all), Some(these)) = (&mut self.outputs, outputs) {
            all.retain(|o| these.contains(o));
        }
    }

    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            writers: Vec::new(),
            outputs: None,
            fields: Vec::new(),
            whole: false,
            plain: false,
            has_default: false,
            scope: VarScope::Workbook,
            merge: Merge::Last,
            merge_said: false,
        }
    }
}
