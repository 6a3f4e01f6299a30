"use strict";
// The map's data with the questions asked of it: what fits the filters, what a search finds, what is reached from a
// service, and which boxes and lines are on the picture. It knows nothing of the page.
(function () {
  const caravan = (window.caravan = window.caravan || {});

  const CALM = 150; // more services than this start grouped
  const MOST = 300; // more than this are always grouped
  const PAGE = 60; // members of a group shown at once

  caravan.model = function (data) {
    const services = data.services;
    const out = services.map(() => []);
    const into = services.map(() => []);
    data.edges.forEach(function (edge) {
      out[edge[0]].push(edge);
      into[edge[1]].push(edge);
    });
    const byName = new Map(services.map((s, i) => [s.name, i]));
    const haystack = services.map((s) => [s.name].concat(s.aliases || []).map((t) => t.toLowerCase()));

    function fits(i, filters) {
      const s = services[i];
      if (filters.hideInfrastructure && s.infrastructure) return false;
      if (filters.kinds.size && !filters.kinds.has(s.kind)) return false;
      if (filters.teams.size && !filters.teams.has(s.team < 0 ? "" : data.teams[s.team])) return false;
      if (filters.environment && !(s.environments || []).some((e) => data.environments[e] === filters.environment)) return false;
      return true;
    }

    function edgeFits(edge, filters) {
      return (!filters.seen || edge[5] === filters.seen) && edge[3] >= filters.confidence && !(filters.hideInfrastructure && edge[4]);
    }

    function search(query, most) {
      const words = query.toLowerCase().split(/\s+/).filter(Boolean);
      if (!words.length) return [];
      const found = [];
      haystack.forEach(function (names, i) {
        let best = Infinity;
        let by = "";
        names.forEach(function (name, k) {
          if (!words.every((w) => name.includes(w))) return;
          const rank = (k ? 10 : 0) + (name === words[0] ? 0 : name.startsWith(words[0]) ? 1 : 2);
          if (rank < best) {
            best = rank;
            by = k ? services[i].aliases[k - 1] : "";
          }
        });
        if (best < Infinity) found.push({ service: i, rank: best, alias: by });
      });
      found.sort((a, b) => a.rank - b.rank || (services[a.service].name < services[b.service].name ? -1 : 1));
      return found.slice(0, most);
    }

    // reach walks breadth first, down to what is needed or up to what breaks; nearest first.
    function reach(start, down) {
      const seen = new Set([start]);
      const found = [];
      let wave = [{ service: start, distance: 0, path: [start] }];
      while (wave.length) {
        const next = [];
        for (const at of wave) {
          for (const edge of down ? out[at.service] : into[at.service]) {
            const to = down ? edge[1] : edge[0];
            if (seen.has(to)) continue;
            seen.add(to);
            next.push({ service: to, distance: at.distance + 1, path: at.path.concat(to) });
          }
        }
        found.push(...next);
        wave = next;
      }
      return found;
    }

    // around is a service with what it touches: everything reached, or as near as leaves the picture calm.
    function around(start) {
      const all = reach(start, true).concat(reach(start, false));
      all.sort((a, b) => a.distance - b.distance);
      const keep = new Set([start]);
      for (const r of all) {
        if (keep.size >= 60 && r.distance > 1) break;
        keep.add(r.service);
      }
      return keep;
    }

    function visible(filters, focus) {
      const near = focus >= 0 ? around(focus) : null;
      const shown = [];
      services.forEach(function (s, i) {
        if (near ? near.has(i) : fits(i, filters)) shown.push(i);
      });
      return shown;
    }

    // stand gives for each shown service the box that stands for it: itself, its group, or the rest of an open group.
    function stand(shown, grouped, open, selected) {
      const stands = new Map();
      const nodes = [];
      if (!grouped) {
        shown.forEach(function (i) {
          stands.set(i, "s" + i);
          nodes.push({ id: "s" + i, service: i });
        });
        return { stands, nodes };
      }
      const members = new Map();
      shown.forEach(function (i) {
        const c = services[i].cluster;
        if (!members.has(c)) members.set(c, []);
        members.get(c).push(i);
      });
      members.forEach(function (all, c) {
        const id = "c" + c;
        if (!open.has(c)) {
          nodes.push({ id, cluster: c, size: all.length });
          all.forEach((i) => stands.set(i, id));
          return;
        }
        nodes.push({ id, cluster: c, size: all.length, open: true });
        const ranked = all.slice().sort((a, b) => weight(b, selected) - weight(a, selected) || a - b);
        const most = PAGE * open.get(c);
        ranked.forEach(function (i, k) {
          const own = k < most;
          stands.set(i, own ? "s" + i : "m" + c);
          if (own) nodes.push({ id: "s" + i, service: i, parent: id });
        });
        if (ranked.length > most) nodes.push({ id: "m" + c, more: c, size: ranked.length - most, parent: id });
      });
      return { stands, nodes };
    }

    function weight(i, selected) {
      return i === selected ? Infinity : out[i].length + into[i].length;
    }

    function joined(stands, filters) {
      const lines = new Map();
      for (const edge of data.edges) {
        const from = stands.get(edge[0]);
        const to = stands.get(edge[1]);
        if (!from || !to || from === to || !edgeFits(edge, filters)) continue;
        const id = from + ">" + to;
        let line = lines.get(id);
        if (!line) {
          line = { id, from, to, count: 0, confidence: 0, infrastructure: true, circle: false, seenOnly: true, neverSeen: true };
          lines.set(id, line);
        }
        line.count++;
        line.confidence = Math.max(line.confidence, edge[3]);
        line.infrastructure = line.infrastructure && edge[4] === 1;
        line.seenOnly = line.seenOnly && edge[5] === 2;
        line.neverSeen = line.neverSeen && edge[5] === 3;
        const a = services[edge[0]].cycle;
        line.circle = line.circle || (from[0] === "s" && to[0] === "s" && !!a && a === services[edge[1]].cycle);
      }
      return [...lines.values()];
    }

    // hush marks lines to and from groups: they are shown when one of their ends is pointed at. Of each group the
    // strongest stays, as a hint.
    function hush(lines) {
      const strongest = new Map();
      for (const l of lines) {
        l.hushed = l.from[0] !== "s" || l.to[0] !== "s";
        const best = strongest.get(l.from);
        if (l.from[0] === "c" && l.to[0] === "c" && (!best || l.count > best.count)) strongest.set(l.from, l);
      }
      strongest.forEach((l) => (l.hint = true));
    }

    // scene is what the picture shows.
    function scene(view) {
      const shown = visible(view.filters, view.focus);
      const wanted = view.grouped === null ? shown.length > CALM : view.grouped;
      const grouped = view.focus < 0 && (wanted || shown.length > MOST);
      const { stands, nodes } = stand(shown, grouped, view.open, view.selected);
      const lines = joined(stands, view.filters);
      if (grouped) hush(lines);
      return { shown, stands, nodes, lines, grouped, forced: shown.length > MOST };
    }

    return { data, services, byName, out, into, search, reach, scene };
  };
})();
