// Keeps an open page up to date, and holds the buttons until a question can have been read.
// Answering works without it: the server holds the same.
"use strict";

(() => {
  const READING = 1200; // a little longer than the server's, so that no honest press is refused
  const news = document.getElementById("news");
  const [what, question] = (document.body.dataset.live || "").split(" ");

  const say = (text) => {
    if (news.textContent !== text) news.textContent = text;
  };

  // -- one question: inert at first, and again whenever the page comes into view ------------

  const buttons = Array.from(document.querySelectorAll("form.answer button"));
  let over = false;
  let timer = 0;

  const inert = () => {
    for (const button of buttons) button.disabled = true;
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (over || document.visibilityState !== "visible") return;
      for (const button of buttons) button.disabled = false;
    }, READING);
  };

  if (buttons.length > 0) {
    inert();
    document.addEventListener("visibilitychange", inert);
    window.addEventListener("focus", inert);
    // Enter is not a yes, also when the yes has the focus: space is.
    for (const yes of document.querySelectorAll("button.approve")) {
      yes.addEventListener("keydown", (event) => {
        if (event.key === "Enter") event.preventDefault();
      });
    }
    document.addEventListener("submit", (event) => {
      if (over || (event.submitter && event.submitter.disabled)) event.preventDefault();
    });
  }

  const ended = () => {
    if (over) return;
    over = true;
    for (const button of buttons) button.disabled = true;
    say("This question was answered elsewhere, or has ended.");
  };

  // -- the list: fetched anew as a document, whose parts are taken over ------------------------

  let fetching = false;
  let again = false;

  const refresh = () => {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname);
    request.responseType = "document";
    request.onloadend = () => {
      fetching = false;
      const fresh = request.response && request.response.getElementById("live");
      const old = document.getElementById("live");
      if (fresh && old && !fresh.isEqualNode(old)) {
        const focused = document.activeElement && document.activeElement.id;
        old.replaceWith(document.adoptNode(fresh));
        document.title = request.response.title;
        const same = focused && document.getElementById(focused);
        if (same) same.focus({ preventScroll: true });
        say(document.querySelector("h1").textContent);
      }
      if (request.status === 401) say("This console was closed. Open it with a new link.");
      if (again) {
        again = false;
        refresh();
      }
    };
    request.send();
  };

  // -- news -----------------------------------------------------------------------------------

  if (what === "questions" || what === "question") {
    const source = new EventSource("/live");
    source.addEventListener("questions", (event) => {
      const waiting = event.data.split(" ");
      if (what === "questions") refresh();
      else if (!waiting.includes(question)) ended();
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) say("This console was closed. Open it with a new link.");
      else say("Not connected: the console may have ended.");
    });
    source.addEventListener("open", () => say(""));
  }
})();
