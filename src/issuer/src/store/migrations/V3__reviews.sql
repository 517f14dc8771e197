-- Complete decisions that a person is to look at: found by each batch that says more of a log's clock.
CREATE INDEX decision_review ON decision (event) WHERE outcome = 'review' AND complete = 1;
