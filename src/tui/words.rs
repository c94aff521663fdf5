//! Every word of the interface, once, in each language. (Lessons bring their own; cluster output stays English.)
//!
//! Always holds: a word exists in every language (the table's form demands it; a test finds empty ones). `{}` in a
//! word is a place to fill.

use crate::course::Language;

macro_rules! words {
    ($($name:ident: $en:literal, $ko:literal;)*) => {
        /// A word or sentence of the interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum Word { $($name),* }

        impl Word {
            /// Every word.
            pub const ALL: &'static [Word] = &[$(Word::$name),*];

            /// It in a language.
            pub fn in_language(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (Word::$name, Language::En) => $en,
                    (Word::$name, Language::Ko) => $ko,
                )* }
            }
        }
    };
}

/// The word with its places filled: `{}` in order, `{0}`, `{1}` by number where a language wants another order.
pub fn fill(word: Word, language: Language, parts: &[&str]) -> String {
    let mut text = word.in_language(language).to_owned();
    for (i, part) in parts.iter().enumerate() {
        let numbered = format!("{{{i}}}");
        text = if text.contains(&numbered) {
            text.replace(&numbered, part)
        } else {
            text.replacen("{}", part, 1)
        };
    }
    text
}

words! {
    // the roll-out
    RolloutName: "roll-out", "롤아웃";
    ActShowRollout: "Show the roll-out of a Deployment, with requests through its Service", "Deployment 롤아웃과 Service로 보낸 요청 보기";
    RolloutHead: "{} of {} updated, {} available", "{1}개 중 {0}개 갱신, {2}개 사용 가능";
    RolloutPaused: "paused", "일시 중지";
    RolloutNew: "new", "새 버전";
    RolloutOld: "old", "옛 버전";
    RolloutEndpoints: "endpoints", "엔드포인트";
    RolloutRequests: "requests", "요청";
    RolloutNobody: "nobody takes requests", "요청을 받을 파드가 없어요";
    RolloutNoService: "no Service selects these pods: expose them to see requests", "이 파드를 고르는 Service가 없어요. expose하면 요청도 보여요";
    RolloutGood: "{} answered", "응답 {}";
    RolloutBad: "{} failed", "실패 {}";
    RolloutRefused: "refused", "연결 거부";
    RolloutTimedOut: "no answer", "응답 없음";
    RolloutCalm: "requests are sent while something changes", "무언가 바뀌는 동안 요청을 보내요";
    // attached clients
    ActAttachLong: "Attach your own kubectl: serve this cluster to other programs", "내 kubectl 연결하기: 이 클러스터를 다른 프로그램에 열어 주기";
    ActDetachLong: "Stop serving this cluster", "클러스터 제공 멈추기";
    ActDetach: "stop serving", "제공 멈추기";
    AttachedTitle: "Attach your own kubectl", "내 kubectl 연결하기";
    AttachedWhere: "This cluster is served on {}, to programs on this machine. Type this in another terminal, then use kubectl, k9s or any other client there:", "이 클러스터를 이 컴퓨터의 프로그램이 {}에서 쓸 수 있어요. 다른 터미널에 아래 줄을 입력하면 kubectl, k9s 같은 클라이언트를 바로 쓸 수 있어요:";
    AttachedSeen: "What clients do, the newest first", "클라이언트가 한 일, 최근 것부터";
    AttachedNobody: "Nobody has asked anything yet.", "아직 아무 요청도 없어요.";
    ServedShort: "served, {} requests", "제공 중, 요청 {}건";
    SaidDetached: "This cluster is no longer served.", "이제 클러스터를 제공하지 않아요.";
    // notices
    NoticeTitle: "Your progress", "학습 기록";
    DidYouMean: "Did you mean {}?", "혹시 {}인가요?";
    // home
    Tagline: "Kubernetes, by doing it", "직접 해 보며 배우는 쿠버네티스";
    Continue: "Continue", "이어서 하기";
    Lessons: "Lessons", "레슨";
    Sandbox: "Sandbox", "샌드박스";
    Quiz: "Quiz", "퀴즈";
    LanguageItem: "Language", "언어";
    ThemeItem: "Theme", "테마";
    Quit: "Quit", "나가기";
    ContinueNothing: "nothing started yet", "아직 시작한 레슨이 없어요";
    LessonsHint: "step by step, on a cluster of your own", "내 클러스터에서 한 단계씩 배워요";
    SandboxHint: "a free cluster to try anything", "무엇이든 해 볼 수 있는 클러스터예요";
    QuizHint: "what do you know already?", "얼마나 알고 있는지 확인해 보세요";
    Finished: "finished", "완료";
    Started: "started", "진행 중";
    NewLesson: "new", "새 레슨";
    DoneOf: "{} of {}", "{}/{}";
    Steps: "{} steps", "{}단계";
    StepOf: "{} of {}", "{}/{}";
    QuestionOf: "question {}/{}", "문제 {}/{}";
    Questions: "{} questions", "{}문제";
    RightSoFar: "{} right", "정답 {}개";
    AllTopics: "All topics", "모든 주제";
    NoLessons: "There are no lessons.", "레슨이 없어요.";

    // panes
    LessonPane: "lesson", "레슨";
    NodesPane: "nodes", "노드";
    EventsPane: "events", "이벤트";
    PromptPane: "prompt", "프롬프트";
    NoObjects: "No {} in namespace {}", "네임스페이스 {1}: {0} 없음";
    NothingHere: "none", "없음";
    NoEvents: "Nothing has happened yet.", "아직 일어난 일이 없어요.";
    CpuShort: "cpu", "cpu";
    MemoryShort: "mem", "mem";
    AllNamespaces: "all namespaces", "모든 네임스페이스";
    MoreBelow: "{} more", "{}줄 더";
    NewBelow: "more below", "아래에 더 있어요";

    // lesson
    HintWhere: "Where to look", "어디를 볼까요";
    HintIdea: "The idea", "생각할 점";
    HintCommand: "The command", "명령어";
    HintSolution: "The solution", "풀이";
    StepDone: "Done. Enter goes on.", "완료! Enter로 다음 단계로 가요.";
    StepRead: "Enter goes on.", "다 읽었으면 Enter를 누르세요.";
    LessonDone: "You have finished this lesson.", "이 레슨을 끝냈어요.";
    LessonDoneKeys: "Enter goes back to the lessons.", "Enter로 레슨 목록으로 돌아가요.";
    Learned: "What you learned", "배운 내용";
    AnswerOne: "Type the number of your answer, then Enter.", "답의 번호를 입력하고 Enter를 누르세요.";
    AnswerSeveral: "Type every number that is right, then Enter.", "맞는 번호를 모두 입력하고 Enter를 누르세요.";
    AnswerCommand: "Type the command at the prompt.", "프롬프트에 명령어를 입력하세요.";
    AnswerRight: "Right.", "맞았어요.";
    AnswerWrong: "Not so.", "아니에요.";
    AnswerNoSuch: "There is no answer {}.", "{}번 답은 없어요.";
    SolutionTyped: "It stands at the prompt: Enter runs it.", "프롬프트에 입력해 두었어요. Enter로 실행하세요.";
    HoldingFor: "{} s of {} s", "{}초 / {}초";
    NoMoreHints: "That was the last hint.", "힌트가 더 없어요.";
    NotDoneYet: "This step is not done yet.", "아직 이 단계가 끝나지 않았어요.";

    // quiz
    QuizEnd: "That was the quiz.", "퀴즈가 끝났어요.";
    Score: "{} of {} right", "{1}문제 중 {0}문제 정답";
    ToRepeat: "Worth another look", "다시 볼 문제";
    QuizOne: "Choose the one that is right.", "맞는 답을 하나 고르세요.";
    QuizSeveral: "Choose every one that is right: Space chooses, Enter answers.", "맞는 답을 모두 고르세요. Space로 고르고 Enter로 답해요.";
    GoOn: "Enter goes on.", "Enter로 다음 문제로 가요.";
    QuizBack: "Enter goes home.", "Enter로 처음 화면으로 가요.";
    ClusterPrinted: "What the cluster did", "클러스터에서 실제로 일어난 일";

    // modes and states
    ModeBrowse: "BROWSE", "둘러보기";
    ModeRunning: "RUNNING", "실행 중";
    ModeSearch: "history", "기록 검색";
    NotReady: "NotReady", "NotReady";
    Cordoned: "cordoned", "cordoned";
    Tainted: "tainted", "tainted";
    Paused: "paused", "멈춤";
    UntilQuietShort: "until quiet", "잠잠해질 때까지";
    Working: "working", "처리 중";

    // actions: footer, help, palette
    ActHelp: "keys", "키";
    ActHelpLong: "All keys", "모든 키 보기";
    ActPalette: "everything", "모든 기능";
    ActPaletteLong: "Everything, by name", "이름으로 모든 기능 찾기";
    ActBack: "back", "뒤로";
    ActBrowse: "browse", "둘러보기";
    ActBrowseLong: "Leave the prompt for the panes", "프롬프트에서 나와 창 둘러보기";
    ActPrompt: "prompt", "프롬프트";
    ActPromptLong: "Back to the prompt (so does any letter)", "프롬프트로 돌아가기 (글자를 쳐도 돼요)";
    ActOpen: "open", "열기";
    ActDescribe: "describe", "자세히";
    ActDescribeLong: "Describe what is selected", "고른 오브젝트 describe 보기";
    ActMove: "move", "이동";
    ActMoveLong: "Move the selection", "선택 옮기기";
    ActPane: "panes", "창";
    ActPaneLong: "Next pane, or the one before", "다음 창 또는 이전 창";
    ActKind: "kind", "종류";
    ActKindLong: "Next kind of object, or the one before", "다음 오브젝트 종류 또는 이전 종류";
    ActScroll: "scroll", "스크롤";
    ActScrollLong: "Scroll what is shown", "화면 스크롤";
    ActHint: "hint", "힌트";
    ActHintLong: "Take a hint; at last the solution", "힌트 보기 (마지막에는 풀이)";
    ActNext: "next", "다음";
    ActNextLong: "Go to the next step", "다음 단계로 가기";
    ActAnswer: "answer", "답하기";
    ActToggle: "choose", "고르기";
    ActToggleLong: "Choose an answer", "답 고르기";
    ActSolve: "Type in the solution", "풀이를 프롬프트에 입력하기";
    ActRestart: "Restart this lesson", "이 레슨 처음부터 다시 하기";
    ActComplete: "complete", "자동 완성";
    ActCompleteLong: "Complete the word", "단어 자동 완성";
    ActRun: "run", "실행";
    ActRunLong: "Run the command", "명령어 실행";
    ActInterrupt: "stop", "중단";
    ActInterruptLong: "Stop the command, or empty the line", "명령어 중단 또는 줄 비우기";
    ActLeave: "leave", "나가기";
    ActLeaveLong: "Leave (on an empty line)", "나가기 (빈 줄에서)";
    ActHistory: "history", "기록";
    ActHistoryLong: "Earlier commands", "이전 명령어";
    ActSearch: "search", "검색";
    ActSearchLong: "Search earlier commands", "이전 명령어 검색";
    ActClear: "Clear the output", "출력 지우기";
    ActFaster: "faster", "빠르게";
    ActFasterLong: "Let time run faster", "시간을 더 빠르게";
    ActSlowerLong: "Let time run slower", "시간을 더 느리게";
    ActPauseLong: "Pause time, or let it run again", "시간 멈추기 또는 다시 흐르게 하기";
    ActStepLong: "One thing at a time: let the next thing happen", "다음 일 하나만 일어나게 하기";
    ActQuietLong: "Let time run until nothing changes", "변화가 없을 때까지 시간 보내기";
    ActLineMove: "Move by letter, by word, to an end", "글자, 단어, 줄 끝 단위로 이동";
    ActLineStart: "To the start of the line", "줄 처음으로";
    ActLineEnd: "To the end of the line", "줄 끝으로";
    ActWordLeft: "A word to the left", "한 단어 왼쪽으로";
    ActWordRight: "A word to the right", "한 단어 오른쪽으로";
    ActKillEnd: "Cut to the end of the line", "줄 끝까지 잘라내기";
    ActKillStart: "Cut to the start of the line", "줄 처음까지 잘라내기";
    ActKillWord: "Cut the word before", "앞 단어 잘라내기";
    ActKillNextWord: "Cut the word after", "뒤 단어 잘라내기";
    ActYank: "Put back what was cut", "잘라낸 것 붙이기";
    ActDelete: "Delete a letter", "글자 지우기";
    ActUndo: "Undo the last change to the cluster", "클러스터의 마지막 변경 되돌리기";
    ActReset: "Reset the cluster", "클러스터 초기화";
    ActHome: "Home", "처음 화면으로";
    ActSelectTheme: "Theme: {}", "테마: {}";
    ActSelectLanguage: "Language: {}", "언어: {}";
    ActSelectSpeed: "Speed: {}×", "속도: {}×";
    ActShowKind: "Show {}", "{} 보기";
    ActShowAllNamespaces: "Show all namespaces", "모든 네임스페이스 보기";
    ActShowOneNamespace: "Show the current namespace only", "현재 네임스페이스만 보기";
    ActOpenLesson: "Lesson: {}", "레슨: {}";
    ActOpenQuiz: "Quiz: {}", "퀴즈: {}";
    ActNodeFail: "Node {}: lose power", "노드 {}: 전원 끄기";
    ActNodeRecover: "Node {}: recover", "노드 {}: 되살리기";
    ActNodeRemove: "Node {}: remove", "노드 {}: 제거하기";
    ActNodeAdd: "Add a node", "노드 추가하기";
    ActMouse: "Mouse: switch on or off", "마우스: 켜기 또는 끄기";
    ActGlyphs: "Letters: Unicode or ASCII", "기호: 유니코드 또는 ASCII";
    ActSave: "save", "저장";
    ActSaveLong: "Save and close", "저장하고 닫기";
    ActDiscard: "discard", "버리기";
    ActDiscardLong: "Close without saving", "저장하지 않고 닫기";
    ActKeepEditing: "Go on editing", "계속 편집하기";
    ActCancel: "Cancel", "취소";
    ActClose: "close", "닫기";
    ActEditorMenu: "save or close", "저장 또는 닫기";
    ActSendLine: "send", "보내기";

    // themes
    ThemeTerminal: "the terminal's own", "터미널 기본";
    ThemeNight: "night", "밤";
    ThemePaper: "paper", "종이";
    ThemeContrast: "high contrast", "고대비";
    ThemeMono: "no colours", "색 없음";

    // overlays
    HelpTitle: "Keys", "키";
    HelpHere: "Here", "지금 여기서";
    HelpEverywhere: "Everywhere", "어디서나";
    HelpPrompt: "At the prompt", "프롬프트에서";
    HelpLine: "Editing the line", "줄 편집";
    HelpPanes: "In the panes", "창에서";
    HelpHome: "At home", "처음 화면에서";
    HelpWords: "Words to type", "입력할 수 있는 말";
    HelpSpeed: "Time", "시간";
    HelpTruth: "`kubedojo fidelity` says what is exact and what is simplified.", "`kubedojo fidelity`를 실행하면 무엇이 정확하고 무엇이 단순화되었는지 볼 수 있어요.";
    PaletteTitle: "Everything", "모든 기능";
    PaletteEmpty: "Nothing is called that.", "찾는 기능이 없어요.";
    PalettePlaceholder: "type a few letters", "몇 글자만 입력해 보세요";
    LeaveTitle: "Leave?", "나갈까요?";
    LeaveSandbox: "The sandbox's cluster is not kept.", "샌드박스 클러스터는 저장되지 않아요.";
    LeaveYes: "Leave", "나가기";
    ResetTitle: "Reset the cluster?", "클러스터를 초기화할까요?";
    ResetText: "It becomes as it was at the start. Undo brings it back.", "처음 상태로 돌아가요. 되돌리기로 복구할 수 있어요.";
    ResetYes: "Reset", "초기화";
    RestartTitle: "Restart this lesson?", "이 레슨을 처음부터 다시 할까요?";
    RestartText: "Its steps start again, on a new cluster.", "새 클러스터에서 첫 단계부터 시작해요.";
    RestartYes: "Restart", "다시 시작";
    RemoveTitle: "Remove node {}?", "{} 노드를 제거할까요?";
    RemoveText: "Its pods are lost. Undo brings it back.", "그 노드의 파드가 사라져요. 되돌리기로 복구할 수 있어요.";
    RemoveYes: "Remove", "제거";
    EditorTitle: "Close {}?", "{} 파일을 닫을까요?";
    EditorText: "It has changes that are not saved.", "저장하지 않은 변경 사항이 있어요.";
    SearchNothing: "no such command", "그런 명령어가 없어요";

    // messages
    SaidUndone: "Undone: {}", "되돌렸어요: {}";
    SaidNothingToUndo: "There is nothing to undo.", "되돌릴 것이 없어요.";
    SaidReset: "The cluster is as it was at the start.", "클러스터를 처음 상태로 되돌렸어요.";
    SaidRestarted: "The lesson starts again.", "레슨을 처음부터 다시 시작해요.";
    SaidMouseOn: "The mouse works. To select text, hold Shift.", "마우스를 켰어요. 텍스트를 선택하려면 Shift를 누른 채 끌어 보세요.";
    SaidMouseOff: "The mouse is the terminal's again.", "마우스를 껐어요.";
    SaidNodeFailed: "{} has lost power.", "{} 노드의 전원이 꺼졌어요.";
    SaidNodeRecovered: "{} is coming back.", "{} 노드가 다시 켜지고 있어요.";
    SaidNodeRemoved: "{} is gone.", "{} 노드를 제거했어요.";
    SaidNodeAdded: "{} joins the cluster.", "{} 노드가 클러스터에 들어왔어요.";
    SaidQuiet: "Nothing changes any more.", "더 이상 변화가 없어요.";
    SaidNothingDue: "Nothing is waiting to happen.", "앞으로 일어날 일이 없어요.";
    SaidBusy: "A command is running. Ctrl-C stops it.", "명령어가 실행 중이에요. Ctrl-C로 중단할 수 있어요.";
    SandboxWelcome: "A cluster of your own. Try: kubectl get nodes", "내 클러스터예요. 먼저 kubectl get nodes를 입력해 보세요.";
    SettingUp: "Setting up the cluster…", "클러스터를 준비하고 있어요…";
    TooSmall: "Please make the window larger: 40×10 at least.", "창을 40×10 이상으로 키워 주세요.";
    NotATerminal: "kubedojo needs a terminal for its interface. Without one, use `kubedojo run SCRIPT`.", "화면을 띄우려면 터미널이 필요해요. 터미널이 없으면 `kubedojo run SCRIPT`를 쓰세요.";
    EditorStatus: "line {} of {}", "{}/{}줄";
    EditorChanged: "changed", "수정됨";
    TypingTo: "your lines go to the running command", "입력한 줄은 실행 중인 명령어로 가요";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_exists_in_every_language() {
        for word in Word::ALL {
            for language in Language::ALL {
                let text = word.in_language(language);
                assert!(!text.trim().is_empty(), "{word:?} has no {}", language.name());
                let places = |l| word.in_language(l).matches('{').count();
                assert_eq!(places(Language::En), places(Language::Ko), "{word:?} has other places to fill");
            }
        }
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(fill(Word::StepOf, Language::En, &["3", "6"]), "3 of 6");
        assert_eq!(fill(Word::Score, Language::Ko, &["3", "6"]), "6문제 중 3문제 정답");
    }
}
