------------------------------- MODULE Ratchet -------------------------------
(* The ratchet of docs/spec/ratchet.md and docs/spec/post-quantum.md, without  *)
(* cryptography. A key is the place where it stands: the header key of a chain *)
(* is the chain's number, the message key of a message is its chain and N.     *)
(* What is left is what a machine can enumerate: chains, counters, skipped     *)
(* keys, phases, and the messages between.                                     *)
(*                                                                             *)
(* Chains are numbered in the order of root steps. Alice, the initiator, opens *)
(* 1, 3, 5 and so on, Bob 2, 4, 6.                                             *)
(*                                                                             *)
(* A message in flight may never arrive: loss needs no action of its own.      *)
(* Tampering has none either. It changes nothing, which is checked on the code.*)

EXTENDS Integers, Sequences, FiniteSets

CONSTANTS
    AliceSends, BobSends,      \* how many messages each side sends
    MaxSkip,                   \* keys that one message may make a receiver skip
    MaxStored,                 \* skipped keys that a device stores
    MaxClosed,                 \* receiving chains that it keeps beside the newest
    KeyChunks, AnswerChunks,   \* chunks that rebuild a key, a ciphertext
    Points,                    \* chunks that there are of each
    Defect                     \* "none", or a mistake that the invariants must find

VARIABLES
    device,                    \* the state of each party
    flying,                    \* messages sent and not delivered yet
    delivered                  \* messages delivered

vars == <<device, flying, delivered>>

Parties == {"alice", "bob"}
Peer(p) == IF p = "alice" THEN "bob" ELSE "alice"
Sends(p) == IF p = "alice" THEN AliceSends ELSE BobSends

Min(a, b) == IF a < b THEN a ELSE b
Max(a, b) == IF a > b THEN a ELSE b

Sent == flying \cup delivered
OnChain(c) == {m \in Sent : m.chain = c}
SentBy(p) == {m \in Sent : m.from = p}

-------------------------------------------------------------------------------
(* The post-quantum ratchet: post-quantum.md, "Transitions". `got` holds the   *)
(* indices of the chunks collected.                                            *)

Phase(epoch, phase) == [epoch |-> epoch, phase |-> phase, point |-> 0, got |-> {}]

OpensChain(pq) ==
    CASE pq.phase = "Idle"   -> Phase(pq.epoch, "Carrying")
      [] pq.phase = "HasKey" -> Phase(pq.epoch, "Answering")
      [] pq.phase = "Ready"  -> Phase(pq.epoch + 1, "Collecting")
      [] pq.phase = "Answering" /\ Defect = "mixed by the other side" -> Phase(pq.epoch + 1, "Idle")
      [] OTHER               -> pq

Kind(pq) ==
    CASE pq.phase = "Carrying"  -> "key"
      [] pq.phase = "Answering" -> "answer"
      [] OTHER                  -> "none"

NextChunk(pq) ==
    IF Kind(pq) = "none" THEN pq ELSE [pq EXCEPT !.point = (@ + 1) % Points]

MayJoin(pq, epoch) ==
    epoch = pq.epoch \/ (epoch = pq.epoch + 1 /\ pq.phase = "Answering")

Join(pq, epoch) == IF epoch = pq.epoch THEN pq ELSE Phase(epoch, "Idle")

Absorb(pq, m) ==
    LET got == pq.got \cup {m.point}
        Collect(k, complete) ==
            IF Cardinality(got) < k THEN [pq EXCEPT !.got = got] ELSE Phase(pq.epoch, complete)
    IN  IF m.kind = "none" \/ m.epoch # pq.epoch THEN pq
        ELSE CASE pq.phase = "Carrying"   -> Collect(AnswerChunks, "Ready")
               [] pq.phase = "Collecting" -> Collect(KeyChunks, "HasKey")
               [] OTHER                   -> pq

-------------------------------------------------------------------------------
(* Receiving chains, newest first; only the first is open.                     *)

Opened(m) ==
    [chain |-> m.chain, pn |-> m.pn, epoch |-> m.epoch, nr |-> 0, skipped |-> {}, below |-> 0]

CanTake(c, n, open) ==
    IF n < c.nr THEN n \in c.skipped ELSE open /\ n - c.nr <= MaxSkip

Take(c, n) ==
    IF n < c.nr
    THEN IF Defect = "used key kept" THEN c ELSE [c EXCEPT !.skipped = @ \ {n}]
    ELSE [c EXCEPT !.nr = n + 1, !.skipped = @ \cup (c.nr .. n - 1)]

Close(c, length) ==
    IF length > c.nr /\ Defect # "PN ignored"
    THEN [c EXCEPT !.nr = length, !.skipped = @ \cup (c.nr .. length - 1)]
    ELSE c

RECURSIVE Stored(_)
Stored(chains) ==
    IF chains = <<>> THEN 0 ELSE Cardinality(Head(chains).skipped) + Stored(Tail(chains))

WithoutLowest(c, count) ==
    LET lowest == {n \in c.skipped : Cardinality({x \in c.skipped : x < n}) < count}
        highest == CHOOSE n \in lowest : \A x \in lowest : x <= n
    IN  IF count = 0 THEN c ELSE [c EXCEPT !.skipped = @ \ lowest, !.below = highest + 1]

RECURSIVE Evict(_, _)
Evict(chains, count) ==                                      \* the oldest chain first
    IF chains = <<>> THEN chains
    ELSE LET oldest == chains[Len(chains)]
             share == Min(count, Cardinality(oldest.skipped))
         IN  Append(Evict(SubSeq(chains, 1, Len(chains) - 1), count - share), WithoutLowest(oldest, share))

Bounded(d) ==
    LET limit == Min(Len(d.chains), MaxClosed + 1)
        kept == SubSeq(d.chains, 1, limit)
        dropped == Stored(d.chains) - Stored(kept)
        excess == Max(0, Stored(kept) - MaxStored)
        lost == dropped + excess
    IN  [d EXCEPT !.chains = Evict(kept, excess),
                  !.evicted = @ + lost,
                  !.last = IF lost = 0 THEN @ ELSE lost]

-------------------------------------------------------------------------------
(* Encryption                                                                  *)

NewestChain(d) == IF d.chains = <<>> THEN 0 ELSE d.chains[1].chain

AfterOpening(d) ==
    LET pq == OpensChain(d.pq)
    IN  [d EXCEPT !.pq = pq,
                  !.sending = NewestChain(d) + 1,
                  !.ns = 0,
                  !.epoch = pq.epoch,
                  !.since = 0,
                  !.sincepq = IF pq.epoch = d.pq.epoch THEN @ ELSE 0]

Send(p) ==
    LET before == device[p]
        d == IF before.sending = 0 THEN AfterOpening(before) ELSE before
        kind == Kind(d.pq)
        m == [from |-> p, text |-> Cardinality(SentBy(p)) + 1,
              chain |-> d.sending, n |-> d.ns, pn |-> d.pn, epoch |-> d.epoch,
              kind |-> kind, point |-> IF kind = "none" THEN 0 ELSE d.pq.point]
    IN  /\ Cardinality(SentBy(p)) < Sends(p)
        /\ IF p = "bob" THEN before.chains # <<>> ELSE TRUE  \* his session begins with a message
        /\ flying' = flying \cup {m}
        /\ device' = [device EXCEPT ![p] = [d EXCEPT !.ns = @ + 1, !.pq = NextChunk(@),
                                                     !.since = @ + 1, !.sincepq = @ + 1]]
        /\ UNCHANGED delivered

-------------------------------------------------------------------------------
(* Decryption                                                                  *)

Known(d, m) == {i \in DOMAIN d.chains : d.chains[i].chain = m.chain}

IsNext(p, d, m) ==                                           \* what NHKr opens, and a key pair answers
    /\ m.chain = IF d.chains = <<>> THEN (IF p = "bob" THEN 1 ELSE 2) ELSE NewestChain(d) + 2
    /\ d.sending # 0 \/ (p = "bob" /\ d.chains = <<>>)

Gap(d, m) == (IF d.chains = <<>> THEN 0 ELSE Max(0, m.pn - d.chains[1].nr)) + m.n

Accepts(p, m) ==
    LET d == device[p]
        known == Known(d, m)
    IN  IF known # {}
        THEN \A i \in known : CanTake(d.chains[i], m.n, i = 1)
        ELSE IsNext(p, d, m) /\ MayJoin(d.pq, m.epoch) /\ Gap(d, m) <= MaxSkip

OnKnownChain(d, m) ==
    LET i == CHOOSE i \in Known(d, m) : TRUE
    IN  [d EXCEPT !.chains[i] = Take(@, m.n), !.since = @ + 1, !.sincepq = @ + 1]

OnNewChain(d, m) ==
    LET closed == IF d.chains = <<>> THEN <<>> ELSE <<Close(Head(d.chains), m.pn)>> \o Tail(d.chains)
    IN  [d EXCEPT !.chains = <<Take(Opened(m), m.n)>> \o closed,
                  !.pn = d.ns, !.sending = 0, !.ns = 0, !.epoch = 0,
                  !.pq = Join(@, m.epoch),
                  !.since = 1,
                  !.sincepq = IF m.epoch = d.pq.epoch THEN @ + 1 ELSE 1]

Received(d, m) ==
    LET moved == Bounded(IF Known(d, m) # {} THEN OnKnownChain(d, m) ELSE OnNewChain(d, m))
    IN  [moved EXCEPT !.pq = Absorb(@, m)]

Deliver(m) ==
    LET p == Peer(m.from)
    IN  IF Accepts(p, m)
        THEN /\ device' = [device EXCEPT ![p] = Received(@, m)]
             /\ flying' = flying \ {m}
             /\ delivered' = delivered \cup {m}
        ELSE UNCHANGED vars

Repeat(m) ==
    LET p == Peer(m.from)
    IN  IF Accepts(p, m)
        THEN device' = [device EXCEPT ![p] = Received(@, m)] /\ UNCHANGED <<flying, delivered>>
        ELSE UNCHANGED vars

-------------------------------------------------------------------------------
Fresh(phase) ==
    [sending |-> 0, ns |-> 0, epoch |-> 0, pn |-> 0, chains |-> <<>>, pq |-> Phase(0, phase),
     since |-> 0, sincepq |-> 0, evicted |-> 0, last |-> 0]

Init ==
    /\ device = [alice |-> Fresh("Idle"), bob |-> Fresh("Collecting")]
    /\ flying = {}
    /\ delivered = {}

Next ==
    \/ \E p \in Parties : Send(p)
    \/ \E m \in flying : Deliver(m)
    \/ \E m \in delivered : Repeat(m)

Spec == Init /\ [][Next]_vars

-------------------------------------------------------------------------------
(* What must hold in every state. The first two hold only while no limit bites.*)

NothingLost == \A m \in flying : Accepts(Peer(m.from), m)

SkippedExact ==                                              \* neither a key too few nor one too many
    \A p \in Parties : \A i \in DOMAIN device[p].chains :
        LET c == device[p].chains[i]
        IN  c.skipped = {m.n : m \in {x \in flying : x.chain = c.chain /\ x.n < c.nr}}

ExactlyOnce == \A m \in delivered : ~Accepts(Peer(m.from), m)

NothingInvented ==                                           \* a stored key is that of a message in flight
    \A p \in Parties : \A i \in DOMAIN device[p].chains :
        LET c == device[p].chains[i]
        IN  \A n \in c.skipped : \E m \in flying : m.chain = c.chain /\ m.n = n

Numbered ==
    \A m \in Sent :
        /\ {x.n : x \in OnChain(m.chain)} = 0 .. Cardinality(OnChain(m.chain)) - 1
        /\ m.pn = Cardinality(OnChain(m.chain - 2))

Alternating ==
    /\ \A m \in Sent : (m.from = "alice") = (m.chain % 2 = 1)
    /\ \A p \in Parties : device[p].sending # 0 => device[p].sending = NewestChain(device[p]) + 1

WithinLimits ==
    \A p \in Parties : Stored(device[p].chains) <= MaxStored /\ Len(device[p].chains) <= MaxClosed + 1

Owning == {"Idle", "Carrying", "Ready"}

EpochsTogether ==
    LET a == device["alice"].pq
        b == device["bob"].pq
    IN  /\ a.epoch - b.epoch \in -1 .. 1
        /\ \A p \in Parties :
               (device[p].pq.phase \in Owning) = ((p = "alice") = (device[p].pq.epoch % 2 = 0))
        /\ a.epoch > b.epoch => b.phase = "Answering"
        /\ b.epoch > a.epoch => a.phase = "Answering"

===============================================================================
