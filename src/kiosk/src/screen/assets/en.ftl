# The large words. The short ones are for 7" screens: at most six letters.
checked-in = Checked in
checked-in-short = IN
checked-out = Checked out
checked-out-short = OUT
already = { $direction ->
    [out] Already out
   *[in] Already in
}
already-short = Still
unknown-badge = See staff
unknown-badge-short = Staff
revoked-badge = Not valid
revoked-badge-short = Void
not-registered = Not listed
not-registered-short = Desk
no-session = No session
no-session-short = Later
idle-in = IN
idle-in-short = IN
idle-out = OUT
idle-out-short = OUT
idle-either = IN / OUT
idle-either-short = IN/OUT
failure = Not working
failure-short = Fault
not-set-up = Not set up
not-set-up-short = Setup

# The lines under them.
already-since = since { $time }
already-since-short = { $direction ->
    [out] out since { $time }
   *[in] in since { $time }
}
unknown-badge-reason = Badge not known
unknown-badge-reason-brief = Not known
revoked-badge-reason = Badge withdrawn
not-registered-reason = Not registered here
no-session-reason = Nothing is on now
no-session-reason-brief = Nothing on
see-staff = Please see staff
code = { $code } · { $kiosk }
minutes = { $minutes } of { $total } min so far
on-track = { $count ->
    [one] on track for { $credits } credit
   *[other] on track for { $credits } credits
}
so-far = { $count ->
    [one] { $credits } credit earned so far
   *[other] { $credits } credits earned so far
}
capped = { $count ->
    [one] { $credits } credit, the limit
   *[other] { $credits } credits, the limit
}
not-yet = no credit yet
no-credit = no credit this time
out-of-reach = too little left for credit
person = a person will look at it
hold-badge = Hold your badge here
hold-badge-brief = Show badge
other-door = Please use another door
other-door-brief = Use other door
scan-claim = Scan the set-up code
scan-claim-brief = Scan the code

# Said in one line, on a console or by a screen reader.
line-since = { $direction ->
    [out] Already out since { $time }
   *[in] Already in since { $time }
}

# Answers to a time code, for staff.
time-set = Time set
time-set-short = Time
time-about = about { $time }
time-old = Old code
time-old-short = Old
time-old-reason = Show a fresh time code
time-old-reason-brief = Fresh code
time-not-ours = Other code
time-not-ours-short = Other
time-not-ours-reason = Not from this issuer
time-not-ours-reason-brief = Not ours
time-unreadable = Scan again
time-unreadable-short = Again
time-unreadable-reason = Only part was read
time-unreadable-reason-brief = Part was read

# Answers to a staff badge, for staff.
staff-direction = Door set
staff-direction-brief = Door set
staff-either = Both ways
staff-either-short = Both
staff-scan = Correct
staff-scan-short = Fix
staff-scan-reason = Scan the badge again
staff-scan-reason-brief = Same badge
staff-back = Taken back
staff-back-short = Done
staff-back-reason = Now scan it the right way
staff-back-reason-brief = Scan it again
staff-nothing = No scan
staff-nothing-short = None
staff-nothing-reason = Nothing here to take back
staff-nothing-reason-brief = Nothing here
staff-refused = Not valid
staff-refused-short = No
staff-refused-reason = Staff badge not valid here
staff-refused-reason-brief = Staff badge
