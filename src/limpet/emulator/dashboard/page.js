"use strict";
// The dashboard: one stream tells the whole of what is shown, and this draws the differences.
// Text from outside is only ever set as text; the content security policy holds that too.
(() => {
  const $ = (id) => document.getElementById(id);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  // -- Drawing ----------------------------------------------------------------------------------------------------

  function make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function put(node, text) {
    const words = text === null || text === undefined ? "" : String(text);
    if (node.textContent !== words) node.textContent = words;
  }

  function mark(node, name, value) {
    if (value === null || value === undefined) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }

  function show(node, wanted) {
    if (node.hidden === Boolean(wanted)) node.hidden = !wanted;
  }

  // Keeps one node for each item, by its key: focus, open details and scroll places stay. `fresh` makes a node.
  function each(parent, items, key, fresh, fill) {
    const known = parent.rows || new Map();
    const now = new Map();
    items.forEach((item, place) => {
      let name = String(key(item, place));
      while (now.has(name)) name += "+";
      const node = known.get(name) || fresh(item);
      now.set(name, node);
      fill(node, item);
      if (parent.children[place] !== node) parent.insertBefore(node, parent.children[place] || null);
    });
    for (const [name, node] of known) if (now.get(name) !== node) node.remove();
    parent.rows = now;
  }

  function part(parent, tag, className) {
    const node = make(tag, className);
    parent.append(node);
    parent[`$${className.split(" ")[0]}`] = node; // its own properties have such names too
    return node;
  }

  function options(select, pairs) {
    const chosen = select.value;
    each(select, pairs, (pair) => pair[0], () => make("option"), (node, pair) => {
      node.value = pair[0];
      put(node, pair[1]);
    });
    if (pairs.some((pair) => pair[0] === chosen)) select.value = chosen;
  }

  // -- Time: the server's clock counts ----------------------------------------------------------------------------

  let base = null; // the server's time when this page's own clock was 0; late messages only make it seem less

  function heard(now) {
    const found = now - performance.now() / 1000;
    if (base === null || found > base || base - found > 2) base = found;
  }

  const serverNow = () => (base === null ? Date.now() / 1000 : base + performance.now() / 1000);
  const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB", { hour12: false });

  function span(seconds) {
    const whole = Math.max(0, seconds);
    if (whole < 10) return [whole.toFixed(2), "s"];
    if (whole < 100) return [whole.toFixed(1), "s"];
    if (whole < 3600) return [`${Math.floor(whole / 60)}:${String(Math.floor(whole % 60)).padStart(2, "0")}`, "min"];
    return [`${Math.floor(whole / 3600)}:${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")}`, "h"];
  }

  function ago(at) {
    const seconds = Math.max(0, serverNow() - at);
    if (seconds < 60) return `${Math.floor(seconds)} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    return seconds < 172800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} days ago`;
  }

  // -- Words ------------------------------------------------------------------------------------------------------

  // Its words, its mood, the step that it is at (null: none), and how many steps are done.
  const STAGES = {
    booting: ["Booting on Linux", "busy", 0, 0],
    provisioned: ["Provisioned", "busy", null, 1],
    preparing: ["Preparing the handover", "busy", 1, 1],
    "handing-over": ["Handing over", "busy", 2, 2],
    confirming: ["Confirming", "busy", 3, 3],
    steady: ["Steady", "good", 4, 5],
    "rolling-back": ["Rolling back", "bad", 2, 2],
    rescue: ["Rescue: back on Linux", "bad", null, 1],
    repairing: ["Repairing", "bad", 4, 4],
    degraded: ["Degraded", "bad", 4, 4],
    stopped: ["Stopped", "bad", null, 0],
  };
  const STEPS = ["Boot", "Preparing", "Handing over", "Confirming", "Steady"];
  const OWNERS = { linux: "linux", "network OS": "nos", guest: "guest" };
  const TONES = {
    success: "good", ready: "good", healthy: "good", running: "good",
    transitioning: "warn", wounded: "warn", warning: "warn", installing: "warn", parked: "warn", starting: "warn",
    error: "bad", failed: "bad", notready: "bad", unresponsive: "bad", unhealthy: "bad", gone: "bad", dead: "bad", stopped: "bad",
  };
  const SIGNS = { good: "✓", warn: "…", bad: "✕" };
  const tone = (word) => TONES[String(word || "").toLowerCase().split("/")[0]] || null;
  const signed = (word) => `${SIGNS[tone(word)] || "○"} ${word}`;
  const joined = (...parts) => parts.filter((each) => each !== null && each !== undefined && each !== "").join(" · ");

  function say(words) {
    const place = $("announce");
    place.append(make("p", "", words));
    while (place.children.length > 3) place.firstChild.remove();
  }

  // -- The appliance ----------------------------------------------------------------------------------------------

  let told = {}; // what was announced already
  let gapNow = null;

  function plainTitle(health) {
    if (!health) return "No report yet";
    const [state, sub] = health.split("/");
    return state === "NotReady" ? sub || "Not ready" : state;
  }

  function drawHero(vm) {
    const known = vm.appliance;
    const document_ = known ? known.document : null;
    put($("vm-name"), vm.name);
    put($("vm-address"), vm.address);
    let [title, mood, step, done] = [plainTitle(vm.health), vm.health ? (tone(vm.health) === "good" ? "good" : "busy") : "", null, 0];
    let words = "One stage: the agent on Linux talks to the fabric itself.";
    if (document_) {
      [title, mood, step, done] = STAGES[document_.stage] || ["Stage unknown", "", null, 0];
      words = document_.words || "";
    }
    put($("stage"), title);
    put($("words"), words);
    const problem = document_ ? document_.problem || (document_.handover || {}).problem : null;
    put($("problem"), problem);
    show($("problem"), Boolean(problem));
    mark(document.querySelector(".hero"), "data-tone", mood || null);
    show($("steps"), document_ !== null);
    each($("steps"), STEPS, (name) => name, () => make("li"), (node, name) => {
      const place = STEPS.indexOf(name);
      put(node, name);
      mark(node, "data-at", place < done ? "done" : null);
      mark(node, "aria-current", place === step ? "step" : null);
    });
    drawPlaces(vm, document_, known ? known.holder : null);
    drawFacts(vm, document_);
    drawGap(vm);
    const state = `${title}${words ? `: ${words}` : ""}`;
    if (told.vm === vm.name && document_ && told.state !== state) say(`${vm.name}: ${state}`);
    told = { vm: vm.name, state, gap: told.vm === vm.name ? told.gap : undefined };
  }

  function drawPlaces(vm, document_, holder) {
    const appliance = document_ !== null;
    mark($("machine"), "data-places", appliance ? 3 : 1);
    show($("place-nos"), appliance);
    show($("place-guest"), appliance);
    put($("linux-eyebrow"), appliance ? "Stage 1" : "The only stage");
    put($("linux-title"), appliance ? "Boot on Linux" : "Agent on Linux");
    mark($("place-linux"), "data-holds", !appliance || holder === "boot" || holder === "status-only");
    mark($("place-guest"), "data-holds", holder === "guest-shell");
    if (!appliance) {
      stateOf("linux", joined(vm.health || "no health report yet", vm.hostName), vm.health);
      drawNics(vm.nics.map((nic, place) => ({
        name: `NIC ${place}`, mac: nic.mac.toLowerCase().replace(/(..)(?=.)/g, "$1:"), address: nic.address,
        owner: "linux", primary: place === 0, up: true,
      })));
      return;
    }
    const linux = { boot: "provisions the VM", "status-only": "only reports, and waits" }[holder];
    stateOf("linux", linux || (holder === "guest-shell" ? "done, cut off on purpose" : "may not talk"), null);
    const nos = document_.networkOs || {};
    put($("nos-eyebrow"), joined("Data plane", nos.driver));
    stateOf("nos", joined(nos.health || (nos.problem ? "" : "not started"), nos.since ? `since ${clock(nos.since)}` : ""), nos.health);
    troubleOf("nos", nos.problem);
    const guest = document_.guestShell || {};
    put($("guest-eyebrow"), joined("Stage 2", guest.runtime));
    stateOf("guest", joined(guest.state || (guest.problem ? "" : "not made yet"), (guest.instance || "").replace(/^([0-9a-f]{8})-[0-9a-f-]{27}$/, "$1"),
      guest.restarts ? `${guest.restarts} restart${guest.restarts === 1 ? "" : "s"}` : ""), guest.state);
    troubleOf("guest", guest.problem);
    drawNics(document_.nics || []);
  }

  function stateOf(place, words, word) {
    put($(`${place}-state`), words);
    mark($(`${place}-state`), "data-tone", tone(word));
  }

  function troubleOf(place, problem) {
    put($(`${place}-trouble`), problem);
    show($(`${place}-trouble`), Boolean(problem));
  }

  // The same NIC keeps its node, so that one sees it move from one owner to the next.
  const nicNodes = new Map();

  function drawNics(nics) {
    const before = new Map([...nicNodes].map(([key, node]) => [key, node.getBoundingClientRect()]));
    const lists = { linux: [], nos: [], guest: [], gone: [] };
    const seen = new Set();
    for (const nic of nics) {
      if (!nic) continue;
      let key = `${nic.mac}|${nic.name}`;
      while (seen.has(key)) key += "+";
      seen.add(key);
      if (!nicNodes.has(key)) nicNodes.set(key, freshNic());
      const node = nicNodes.get(key);
      fillNic(node, nic);
      lists[OWNERS[nic.owner] || "gone"].push(node);
    }
    for (const [key, node] of nicNodes) {
      if (seen.has(key)) continue;
      node.remove();
      nicNodes.delete(key);
    }
    for (const [place, nodes] of Object.entries(lists)) {
      const list = $(`nics-${place}`);
      nodes.forEach((node, at) => {
        if (list.children[at] !== node) list.insertBefore(node, list.children[at] || null);
      });
    }
    show($("place-gone"), lists.gone.length > 0);
    if (calm.matches) return;
    for (const [key, node] of nicNodes) {
      const [was, is] = [before.get(key), node.getBoundingClientRect()];
      if (!was || !was.width || (Math.abs(was.left - is.left) < 4 && Math.abs(was.top - is.top) < 4)) continue;
      node.animate([
        { transform: `translate(${was.left - is.left}px, ${was.top - is.top}px)` }, { transform: "none" },
      ], { duration: 450, easing: "cubic-bezier(.2,.7,.2,1)" });
    }
  }

  function freshNic() {
    const node = make("li", "nic");
    const head = part(node, "b", "title");
    node.$name = head.appendChild(make("bdi"));
    node.$mark = head.appendChild(make("span", "mark"));
    part(node, "span", "where");
    return node;
  }

  function fillNic(node, nic) {
    put(node.$name, nic.name || "NIC");
    put(node.$mark, joined(nic.primary ? "primary" : "", nic.vf ? `VF ${nic.vf}` : "", nic.up === false ? "down" : "",
      OWNERS[nic.owner] ? "" : nic.owner || "nobody's"));
    put(node.$where, nic.address || nic.mac || "");
    mark(node, "title", nic.mac || null);
    mark(node, "data-up", nic.up === false ? "false" : "true");
  }

  function drawFacts(vm, document_) {
    const facts = [];
    const add = (name, value) => { if (value !== "" && value !== null && value !== undefined) facts.push([name, value]); };
    if (document_) {
      const [lease, grant] = [document_.lease || {}, document_.fabricLease || {}];
      if (document_.since) add("In this stage since", clock(document_.since));
      add("Fabric lease", grant.holder ? joined(grant.holder, grant.epoch === null || grant.epoch === undefined ? "" : `epoch ${grant.epoch}`) : "");
      add("Address from DHCP", joined(lease.address, lease.gateway ? `by ${lease.gateway}` : ""));
      add("DNS", (lease.dns || []).join(", "));
      add("Guest image", (document_.guestShell || {}).image);
      add("Its last goal state", (document_.goalState || {}).id);
    } else {
      add("VM id", vm.vmId);
    }
    each($("facts"), facts, (fact) => fact[0], () => {
      const node = make("div");
      part(node, "dt", "term");
      part(node, "dd", "value");
      node.$value.dir = "auto";
      return node;
    }, (node, fact) => { put(node.$term, fact[0]); put(node.$value, fact[1]); });
  }

  function drawGap(vm) {
    const gap = vm.appliance ? vm.appliance.gaps[0] || null : null;
    gapNow = gap;
    const open = gap !== null && gap.until === null;
    show($("gap"), gap !== null || vm.status !== null);
    mark($("gap"), "data-open", open);
    mark($("gap"), "data-known", gap !== null);
    put($("gap-label"), gap === null ? "Last status" : open ? "Status gap, still open" : "Status gap");
    put($("gap-cause"), gap === null ? "" : gap.cause);
    lastStatus = vm.status ? vm.status.at : null;
    if (told.vm === vm.name && told.gap === null && gap !== null && !open) {
      const [number, unit] = span(gap.seconds);
      say(`status gap: ${number} ${unit}`);
    }
    told.gap = open ? null : gap;
    tick();
  }

  let lastStatus = null;

  function tick() {
    const now = serverNow();
    let figure = ["–", ""];
    if (gapNow !== null) figure = span(gapNow.until === null ? now - gapNow.since : gapNow.seconds);
    else if (lastStatus !== null) {
      const seconds = Math.max(0, now - lastStatus);
      figure = seconds < 100 ? [String(Math.floor(seconds)), "s ago"] : span(seconds);
    }
    put($("gap-value"), figure[0]);
    put($("gap-unit"), figure[1]);
    put($("gap-last"), gapNow !== null && gapNow.until !== null && lastStatus !== null ? `last status ${ago(lastStatus)}` : "");
  }

  function drawTimeline(known) {
    show($("timeline-part"), known !== null);
    if (known === null) return;
    const handover = known.document.handover || {};
    const attempts = handover.attempts;
    put($("attempts"), joined(
      attempts ? `${attempts} attempt${attempts === 1 ? "" : "s"}` : "",
      handover.gap === null || handover.gap === undefined ? "" : `its own figure: ${handover.gap.toFixed(2)} s`,
    ));
    const past = known.gaps.filter((gap) => gap.until !== null).map((gap) => ({
      at: gap.until, kind: "gap", words: `status again, after ${span(gap.seconds).join(" ")}`, bad: false,
    }));
    const all = [...known.happened, ...past].sort((one, other) => other.at - one.at).slice(0, 40);
    drawTimes($("timeline"), all, (item) => item.words);
    drawMore("timeline");
  }

  function drawTimes(list, items, words) {
    each(list, items, (item) => `${item.at}|${words(item)}`, () => {
      const node = make("li");
      part(node, "span", "when");
      part(node, "span", "what");
      node.$what.dir = "auto";
      return node;
    }, (node, item) => {
      put(node.$when, clock(item.at));
      put(node.$what, words(item));
      mark(node, "data-bad", item.bad ? "true" : null);
      mark(node, "data-kind", item.kind || null);
    });
  }

  // Long lists begin short: the page stays one that can be read on a phone.
  const SHORT = 12;

  function drawMore(name) {
    const list = $(name);
    const button = document.querySelector(`[data-list="${name}"]`);
    const long = !list.classList.contains("short");
    const count = list.children.length;
    show(button, count > SHORT);
    put(button, long ? "Show fewer" : `Show all ${count}`);
    mark(button, "aria-expanded", long);
  }

  for (const button of document.querySelectorAll("[data-list]")) {
    button.addEventListener("click", () => {
      $(button.dataset.list).classList.toggle("short");
      drawMore(button.dataset.list);
    });
  }

  // -- Extensions -------------------------------------------------------------------------------------------------

  function drawExtensions(vm) {
    const [goal, status] = [vm.goalState, vm.status];
    const aggregate = status ? status.aggregate : null;
    const answered = aggregate !== null && aggregate.current;
    put($("aggregate"), answered ? signed(aggregate.status) : aggregate ? `… no answer yet, ${aggregate.status} before` : "");
    mark($("aggregate"), "data-tone", answered ? tone(aggregate.status) : null);
    put($("goal-state"), joined(`Goal state: incarnation ${goal.incarnation}`, `etag ${goal.etag}`, `by ${goal.source}`,
      goal.seen ? "" : "not asked for yet", goal.onHold ? "on hold" : ""));
    put($("report"), status ? joined(`Status ${status.serial} at ${clock(status.at)} by ${status.channel}`, status.agent,
      status.computer, status.message, vm.unreadable ? `the newest cannot be read: ${vm.unreadable}` : "")
      : vm.unreadable ? `No status that can be read: ${vm.unreadable}` : "No status has come yet.");
    show($("no-extensions"), vm.levels.length === 0);
    each($("levels"), vm.levels, (level) => level.level, () => {
      const node = make("li", "level");
      part(node, "span", "number").className = "level-number";
      part(node, "p", "words").className = "level-words";
      part(node, "ul", "extensions");
      node.$number.setAttribute("aria-hidden", "true");
      return node;
    }, (node, level) => {
      const tones = level.extensions.map((one) => tone(one.state));
      const whole = tones.includes("bad") ? "bad" : tones.every((one) => one === "good") ? "good" : tones.some(Boolean) ? "warn" : null;
      mark(node, "data-tone", whole);
      put(node.$number, String(level.level).length > 3 ? "…" : level.level);
      put(node.$words, `Level ${level.level}${{ good: ", done", bad: ", failed", warn: ", at work" }[whole] || ""}`);
      drawExtensionList(node.$extensions, level.extensions);
    });
    show($("unasked-part"), vm.unasked.length > 0);
    drawExtensionList($("unasked"), vm.unasked);
  }

  function drawExtensionList(list, extensions) {
    each(list, extensions, (one) => `${one.handler}|${one.extension}`, freshExtension, fillExtension);
  }

  function freshExtension() {
    const node = make("li", "extension");
    part(node, "p", "publisher").dir = "auto";
    part(node, "p", "name").dir = "auto";
    part(node, "p", "word");
    part(node, "p", "message").dir = "auto";
    part(node, "p", "waits").className = "small";
    const more = part(node, "details", "more");
    more.$label = more.appendChild(make("summary"));
    more.$whole = more.appendChild(make("p"));
    more.$whole.dir = "auto";
    more.$list = more.appendChild(make("ul", "substatuses"));
    return node;
  }

  function fillExtension(node, one) {
    const told_ = one.reported || {};
    const dot = one.handler.lastIndexOf(".");
    put(node.$publisher, joined(dot > 0 ? one.handler.slice(0, dot) : "", told_.version || one.version));
    put(node.$name, joined(dot > 0 ? one.handler.slice(dot + 1) : one.handler, one.extension));
    mark(node, "data-tone", tone(one.state));
    put(node.$word, joined(signed(one.state), one.wanted && one.wanted !== "enabled" ? `wanted: ${one.wanted}` : "",
      one.sequence === null || one.sequence === undefined ? "" : `#${one.sequence}`,
      told_.handlerStatus && told_.handlerStatus !== "Ready" && told_.handlerStatus !== one.state ? told_.handlerStatus : "",
      told_.code && told_.code !== "0" ? `code ${told_.code}` : ""));
    put(node.$message, told_.message || "");
    show(node.$message, Boolean(told_.message));
    put(node.$waits, (one.waitsFor || []).length ? `waits for ${one.waitsFor.join(", ")}` : "");
    show(node.$waits, (one.waitsFor || []).length > 0);
    const parts = told_.substatuses || [];
    const long = (told_.message || "").length > 160;
    show(node.$more, parts.length > 0 || long);
    put(node.$more.$whole, long ? told_.message : "");
    show(node.$more.$whole, long);
    const count = parts.length + (told_.moreSubstatuses || 0);
    put(node.$more.$label, joined(long ? "the whole message" : "", count ? `${count} substatus${count === 1 ? "" : "es"}` : ""));
    each(node.$more.$list, parts, (item, place) => `${place}|${item.name}`, () => {
      const line = make("li");
      part(line, "b", "state");
      part(line, "span", "text").dir = "auto";
      return line;
    }, (line, item) => {
      put(line.$state, `${SIGNS[tone(item.state)] || "○"} ${item.name || item.state} `);
      mark(line.$state, "data-tone", tone(item.state));
      put(line.$text, item.message || "");
    });
  }

  // -- What the VM sent -------------------------------------------------------------------------------------------

  function drawCounts(counts) {
    const names = [["requests", "Requests"], ["statuses", "Statuses"], ["health", "Health"], ["telemetry", "Telemetry"],
      ["observations", "Observed"], ["logs", "Logs"], ["certificates", "Certificates"]];
    each($("counts"), names, (pair) => pair[0], () => {
      const node = make("div");
      part(node, "dt", "term");
      part(node, "dd", "value");
      return node;
    }, (node, pair) => { put(node.$term, pair[1]); put(node.$value, counts[pair[0]].toLocaleString("en")); });
  }

  function drawRequests(vm) {
    put($("requests-note"), vm.requests.length ? `the latest ${vm.requests.length} of ${vm.counts.requests.toLocaleString("en")}` : "none yet");
    each($("requests"), vm.requests, (one) => one.id, () => {
      const node = make("li");
      part(node, "span", "when");
      const what = part(node, "span", "what");
      what.append(make("b"), document.createTextNode(" "), make("span", "target"));
      const answer = part(node, "span", "answer");
      answer.append(make("span"), document.createTextNode(" "), make("span", "time"));
      part(node, "span", "notes").dir = "auto";
      return node;
    }, (node, one) => {
      put(node.$when, clock(one.at));
      put(node.$what.children[0], one.endpoint);
      put(node.$what.children[1], one.endpoint === "unknown" || one.endpoint.startsWith("blob-") ? `${one.method} ${one.target}` : one.method);
      put(node.$answer.children[0], one.status);
      put(node.$answer.children[1], `${one.milliseconds < 10 ? one.milliseconds.toFixed(1) : Math.round(one.milliseconds)} ms`);
      put(node.$notes, joined(one.fault ? `fault: ${one.fault}` : "", ...one.remarks));
      mark(node, "data-bad", one.bad ? "true" : null);
    });
    drawMore("requests");
  }

  function drawHealth(vm) {
    put($("health"), vm.health ? signed(vm.health) : "");
    mark($("health"), "data-tone", tone(vm.health));
    show($("no-health"), vm.healthReports.length === 0);
    drawTimes($("health-reports"), vm.healthReports, (one) => joined(one.words, one.description, one.agent));
  }

  // -- Faults -----------------------------------------------------------------------------------------------------

  async function ask(method, path, body) {
    try {
      const answer = await fetch(path, {
        method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body === undefined ? {} : body),
      });
      if (answer.ok) return true;
      const problem = await answer.json().catch(() => ({}));
      complain(joined(problem.what || `the emulator answered ${answer.status}`, problem.todo));
    } catch {
      complain("The emulator does not answer; nothing was changed.");
    }
    return false;
  }

  function complain(words) {
    put($("notice-words"), words);
    show($("notice"), true);
  }

  const scoped = () => ($("scope").value === "vm" && shown ? { vm: shown } : {});

  function drawFaults(faults) {
    const on = faults.switches.filter((one) => one.on.length).length + faults.ports.filter((one) => one.closed).length +
      faults.rules.filter((rule) => !rule.spent).length;
    put($("faults-on"), on ? `${on} on` : "none on");
    mark($("faults-on"), "data-tone", on ? "bad" : null);
    const groups = new Map();
    const line = (group, item) => groups.set(group, [...(groups.get(group) || []), item]);
    for (const one of faults.switches) line(one.group, { ...one, checked: one.on.length > 0 });
    for (const one of faults.ports) {
      line("Ports", { id: `port-${one.service}`, port: one.service, words: one.words, about: one.addresses.join(", "), checked: one.closed, applied: 0 });
    }
    each($("switches"), [...groups], (group) => group[0], () => {
      const node = make("details", "group");
      node.open = window.innerWidth >= 700; // on a phone one opens what one needs
      const head = node.appendChild(make("summary"));
      node.$title = head.appendChild(make("span"));
      part(node, "div", "list");
      return node;
    }, (node, group) => {
      const switched = group[1].filter((one) => one.checked).length;
      put(node.$title, switched ? `${group[0]}: ${switched} on` : group[0]);
      each(node.$list, group[1], (one) => one.id, freshSwitch, fillSwitch);
    });
    show($("rules-part"), faults.rules.length > 0);
    each($("rules"), faults.rules, (rule) => rule.id, () => {
      const node = make("li");
      part(node, "span", "what").dir = "auto";
      const button = part(node, "button", "remove");
      button.type = "button";
      button.textContent = "Remove";
      button.addEventListener("click", () => ask("DELETE", `/v1/faults/${node.rule}`));
      return node;
    }, (node, rule) => {
      node.rule = rule.id;
      put(node.$what, joined(`${rule.endpoint}: ${rule.words}`, rule.vm ? `for ${rule.vm}` : "",
        rule.count ? `${rule.applied} of ${rule.count}` : `${rule.applied} times so far`, rule.spent ? "spent" : ""));
      mark(node.$remove, "aria-label", `Remove the rule ${rule.endpoint}: ${rule.words}`);
    });
  }

  function freshSwitch() {
    const node = make("button", "switch");
    node.type = "button";
    node.setAttribute("role", "switch");
    const words = part(node, "span", "text");
    node.$label = words.appendChild(make("span", "label"));
    node.$about = words.appendChild(make("span", "about"));
    part(node, "span", "knob").setAttribute("aria-hidden", "true");
    node.addEventListener("click", () => flip(node));
    return node;
  }

  function fillSwitch(node, one) {
    node.one = one;
    node.id = `switch-${one.id}`;
    put(node.$label, one.words);
    put(node.$about, joined(one.about, one.applied ? `${one.applied.toLocaleString("en")} times so far` : ""));
    const checked = String(one.checked);
    if (node.getAttribute("aria-checked") !== checked) mark(node, "aria-busy", null);
    mark(node, "aria-checked", checked);
  }

  async function flip(node) {
    if (node.getAttribute("aria-busy")) return;
    const one = node.one;
    mark(node, "aria-busy", "true");
    if (one.port) await ask("PUT", `/v1/services/${one.port}`, { open: one.checked });
    else if (!one.checked) await ask("POST", "/v1/faults", { ...one.rule, ...scoped() });
    else await Promise.all(one.on.map((rule) => ask("DELETE", `/v1/faults/${rule}`)));
    mark(node, "aria-busy", null);
  }

  $("faults-off").addEventListener("click", async () => {
    const closed = page ? page.faults.ports.filter((one) => one.closed) : [];
    await Promise.all(closed.map((one) => ask("PUT", `/v1/services/${one.service}`, { open: true })));
    if (await ask("DELETE", "/v1/faults")) say("all faults are off");
  });

  let kinds = [];

  function drawKind() {
    const kind = kinds.find((one) => one.kind === $("rule-kind").value) || null;
    const valued = kind !== null && kind.value !== null;
    show($("rule-value").parentNode, valued);
    if (!valued) return;
    put($("rule-value-label"), kind.value[0].toUpperCase() + kind.value.slice(1));
    $("rule-value").value = kind.default;
  }

  $("rule-kind").addEventListener("change", drawKind);
  $("rule-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const kind = kinds.find((one) => one.kind === $("rule-kind").value);
    const text = $("rule-value").value.trim();
    const value = kind.value === null ? true : kind.kind === "lie" ? text : Number(text);
    if (Number.isNaN(value) || text === "" && kind.value !== null) {
      complain(`${kind.value}: give a number`);
      return;
    }
    const count = $("rule-count").value ? { count: Number($("rule-count").value) } : {};
    if (await ask("POST", "/v1/faults", { endpoint: $("rule-endpoint").value, [kind.kind]: value, ...count, ...scoped() })) {
      say("the rule is added");
    }
  });

  // -- Publishing -------------------------------------------------------------------------------------------------

  function drawPackages(names) {
    show($("no-packages"), names.length === 0);
    show($("publish-form"), names.length > 0);
    options($("publish-handler"), names.map((name) => [name, name]));
  }

  $("publish-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const change = { handler: $("publish-handler").value, state: $("publish-state").value };
    const text = $("publish-settings").value.trim();
    if (text && change.state === "enabled") {
      try {
        change.public = JSON.parse(text);
      } catch (error) {
        complain(`The settings are not JSON: ${error.message}`);
        $("publish-settings").focus();
        return;
      }
    }
    if ($("publish-level").value) change.dependencyLevel = Number($("publish-level").value);
    const body = { changes: [change], channel: $("publish-channel").value };
    if (await ask("POST", `/v1/vms/${encodeURIComponent(shown)}/goal-state`, body)) say(`${change.handler} is published`);
  });

  // -- The page and its stream ------------------------------------------------------------------------------------

  let page = null;
  let shown = null;
  let pending = false;

  function drawVms() {
    each($("vms"), page.vms, (vm) => vm.name, () => {
      const node = make("li");
      const link = part(node, "a", "to");
      link.append(make("span", "dot"), make("bdi"));
      link.firstChild.setAttribute("aria-hidden", "true");
      return node;
    }, (node, vm) => {
      node.$to.href = `#vm=${encodeURIComponent(vm.name)}`;
      put(node.$to.lastChild, vm.name);
      const mood = vm.gapOpen ? "bad" : vm.stage ? (STAGES[vm.stage] || ["", ""])[1] : tone(vm.health);
      mark(node.$to.firstChild, "data-tone", mood === "busy" ? "warn" : mood || null);
      mark(node.$to, "title", vm.stage ? (STAGES[vm.stage] || [vm.stage])[0] : vm.health || vm.address);
      mark(node.$to, "aria-current", vm.name === shown ? "page" : null);
    });
  }

  function draw() {
    pending = false;
    const vm = page.vm;
    shown = vm ? vm.name : null;
    drawVms();
    show($("nobody"), vm === null);
    show($("whole"), vm !== null);
    put($("version"), page.fabric.version);
    put($("endpoint"), page.fabric.endpoint);
    put($("modes"), `${page.fabric.strict ? " · strict" : ""}${page.fabric.fastTrack ? "" : " · without fast track"}`);
    document.title = vm ? `${vm.name}: ${vm.stage ? (STAGES[vm.stage] || [vm.stage])[0] : vm.health || "no report"} - limpet` : "limpet emulator";
    if (vm === null) return;
    drawHero(vm);
    drawTimeline(vm.appliance);
    drawCounts(vm.counts);
    drawExtensions(vm);
    drawRequests(vm);
    drawHealth(vm);
    drawFaults(page.faults);
    drawPackages(page.packages);
  }

  function later() {
    // A page that nobody sees is not drawn, only remembered.
    if (pending) return;
    pending = true;
    requestAnimationFrame(draw);
  }

  let source = null;
  let started = null;
  let lostAt = null;
  let lastHeard = 0;
  let retry = null;

  function connect() {
    clearTimeout(retry);
    retry = null;
    if (source) source.close();
    lastHeard = performance.now();
    const asked = decodeURIComponent((/^#vm=(.*)$/.exec(location.hash) || ["", ""])[1]) || shown;
    source = new EventSource(`/v1/dashboard${asked ? `?vm=${encodeURIComponent(asked)}` : ""}`);
    source.addEventListener("choices", (event) => {
      const found = JSON.parse(event.data);
      base = null;
      kinds = found.kinds;
      options($("rule-endpoint"), found.endpoints.map((name) => [name, name === "*" ? "every request" : name]));
      const first = $("rule-kind").children.length === 0;
      options($("rule-kind"), kinds.map((one) => [one.kind, one.words]));
      if (first) drawKind();
      alive();
      if (started !== null && started !== found.started) say("The emulator was started anew; what it knew before is gone.");
      else if (lostAt !== null) say("The emulator answers again.");
      started = found.started;
      lostAt = null;
    });
    source.addEventListener("page", (event) => {
      page = JSON.parse(event.data);
      heard(page.now);
      alive();
      later();
    });
    source.addEventListener("still", (event) => {
      heard(JSON.parse(event.data).now);
      alive();
    });
    source.addEventListener("error", () => {
      lost();
      if (source.readyState === EventSource.CLOSED) again();
    });
  }

  function again() {
    if (retry === null) retry = setTimeout(connect, 1500);
  }

  function alive() {
    lastHeard = performance.now();
    mark($("link"), "data-state", "live");
    mark(document.body, "data-link", "live");
    put($("link-words"), "live");
  }

  function lost() {
    if (lostAt === null) {
      lostAt = serverNow();
      say("The emulator does not answer. This page tries again by itself.");
    }
    mark($("link"), "data-state", "lost");
    mark(document.body, "data-link", "lost");
    put($("link-words"), `no answer since ${clock(lostAt)}, trying again`);
  }

  // While the emulator does not answer, nothing is known of the gap: the counter stops rather than invent.
  setInterval(() => { if (lostAt === null) tick(); }, 100);
  setInterval(() => {
    if (performance.now() - lastHeard > 15000) {
      lost();
      connect();
    }
  }, 2000);
  window.addEventListener("hashchange", () => { if (location.hash.startsWith("#vm=")) connect(); });
  window.addEventListener("pagehide", () => source && source.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  $("notice-close").addEventListener("click", () => show($("notice"), false));
  connect();
})();
