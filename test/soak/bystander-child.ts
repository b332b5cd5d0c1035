// Does nothing. How late its event loop is nevertheless is the machine's doing, and no fault of those that work.
import { answerQuestions, leaveAfter } from '../support/child-answers.js';
import { ProcessMeter } from '../support/process-meter.js';

let meter: ProcessMeter;

answerQuestions({
  start() {
    meter = new ProcessMeter();
  },
  measure: () => meter.sample(),
  end() {
    meter.close();
    void leaveAfter(Promise.resolve());
  },
});
