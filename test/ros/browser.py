"""A real Chromium without a screen, spoken to through chromedriver by the WebDriver protocol of the W3C."""
import base64
import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

from hac_ros import environment

# As root and in containers it runs unsandboxed; WebGL is drawn by the processor; nothing else goes to the network.
FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--use-gl=angle', '--use-angle=swiftshader',
         '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars')


def missing() -> str:
    """Return what is not installed, in words; nothing if all is."""
    found = environment.find_browser()
    return '' if found.ok else f'{found.found} ({found.mend})'


class Browser:
    """One window of ``size`` pixels, with a profile in ``folder``; ends with the block."""

    def __init__(self, folder: Path, size=(1000, 640)):
        self.folder, self.size = folder, size

    def __enter__(self):
        self.driver = subprocess.Popen([shutil.which('chromedriver'), '--port=0'], stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        try:
            port = next(found[1] for line in self.driver.stdout if (found := re.search(r'successfully on port (\d+)', line)))
            self.session = f'http://127.0.0.1:{port}/session'
            options = {'binary': next(filter(None, map(shutil.which, environment.BROWSER[0]))), 'args': [
                *FLAGS, f'--user-data-dir={self.folder}', '--window-size={},{}'.format(*self.size)]}
            wanted = {'browserName': 'chrome', 'goog:chromeOptions': options, 'goog:loggingPrefs': {'browser': 'ALL'}}
            made = self._ask('POST', '', {'capabilities': {'alwaysMatch': wanted}})
            self.session += f'/{made["sessionId"]}'
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._ask('DELETE', '')
        finally:
            self._end()

    def _end(self):
        self.driver.terminate()
        self.driver.wait(15)
        self.driver.stdout.close()

    def _ask(self, method: str, path: str, content=None):
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.session + path, body, {'Content-Type': 'application/json'}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=180) as answer:
            return json.load(answer)['value']

    def open(self, address: str):
        """Go to a page."""
        self._ask('POST', '/url', {'url': address})

    def run(self, script: str, *arguments):
        """Return what a JavaScript function body returns."""
        return self._ask('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def text(self) -> str:
        """Return all text that is shown."""
        return self.run('return document.body.innerText')

    def click(self, words: str):
        """Click the button with exactly these words."""
        self._click(f'//button[normalize-space()="{words}"]')

    def _click(self, path: str):
        found = self._ask('POST', '/element', {'using': 'xpath', 'value': path})
        self._ask('POST', f'/element/{next(iter(found.values()))}/click', {})

    def chosen(self, label: str) -> str:
        """Return what is chosen in the drop-down list beside the words ``label``."""
        path = f'//label[normalize-space()="{label}"]/following::input[1]'
        return self.run('return document.evaluate(arguments[0], document, null, 9).singleNodeValue.value', path)

    def choose(self, label: str, option: str):
        """Choose an option of the drop-down list beside the words ``label``."""
        self._click(f'//label[normalize-space()="{label}"]/following::input[1]')
        self._click(f'//*[@role="option" and normalize-space()="{option}"]')

    def errors(self) -> list[str]:
        """Return what the page has complained of."""
        entries = self._ask('POST', '/se/log', {'type': 'browser'})
        return [entry['message'] for entry in entries if entry['level'] == 'SEVERE']

    def picture(self) -> bytes:
        """Return a PNG of the window."""
        return base64.b64decode(self._ask('GET', '/screenshot'))
