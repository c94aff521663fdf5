//! Every lesson and question that is built in, proved: solved by its solution and by no wrong attempt, each prediction
//! and each fact as the cluster has it.

use kubedojo::course::Collection;
use kubedojo::course::prove::prove;
use kubedojo::school::SessionLab;

#[test]
fn lessons_and_questions_hold() {
    let (library, mut problems) = Collection::built_in();
    problems.extend(prove(&library, &SessionLab::default(), &mut |_| {}));
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", shown.join("\n"));
}
